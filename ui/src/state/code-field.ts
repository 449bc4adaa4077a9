/**
 * The arithmetic of a field that regroups what is typed while the caret stays where it was. What a code is, the engine
 * says (`check_code`); this only moves text.
 */

/** Characters that make up a code; dashes and spaces only group them. */
const SIGNIFICANT = /[\p{L}\p{N}]/u;

/** Where the caret belongs in `after`, so that as many significant characters stand before it as in `before`. */
export function caretAfterFormatting(before: string, caret: number, after: string): number {
  if (caret >= before.length) return after.length;
  let count = [...before.slice(0, caret)].filter((character) => SIGNIFICANT.test(character)).length;
  let position = 0;
  for (const character of after) {
    if (count === 0) break;
    if (SIGNIFICANT.test(character)) count -= 1;
    position += character.length;
  }
  return position;
}

/**
 * Whether what was typed is replaced by its grouped spelling. Not when that would bring back the dash which somebody
 * just deleted.
 */
export function takesFormatting(typed: string, formatted: string, deleting: boolean): boolean {
  if (typed === formatted) return false;
  return !(deleting && formatted.startsWith(typed));
}

/** What Join joins: the link that was pasted, for as long as the field shows its code, else what the field shows. */
export class JoinText {
  #source = '';
  #shown = '';

  /** Somebody typed or pasted `text`, and the field shows `shown` for it. */
  set(text: string, shown: string): void {
    // The engine spells a link as its code alone; editing that code must not bring back the link's server.
    if (text !== this.#shown) this.#source = text;
    this.#shown = shown;
  }

  get text(): string {
    return this.#source;
  }
}
