import type { Reply } from '../core/core';
import { caretAfterFormatting, JoinText, takesFormatting } from './code-field';
import { sentence, t } from '../words';

type Check = (text: string) => Promise<Extract<Reply, { type: 'code' }> | undefined>;

/**
 * What is typed as a code, on the first screen and in the lobby: one text, so that a code which was refused is still
 * there to be mended, wherever its field stands.
 */
export class CodeEntry {
  shown = $state('');
  complete = $state(false);
  server = $state<string | null>(null);
  problem = $state<string | null>(null);
  /** Counts the links that came from outside: a field that is shown takes the focus for each. */
  offers = $state(0);
  readonly #join = new JoinText();
  readonly #check: Check;
  #checks = 0;

  constructor(check: Check) {
    this.#check = check;
  }

  /** What joining joins: the code, or the link that was pasted. */
  get link(): string {
    return this.#join.text;
  }

  /** Somebody typed. Says where the caret belongs when the text was grouped anew. */
  async type(text: string, deleting = false, caret?: () => number): Promise<number | undefined> {
    this.#checks += 1;
    const mine = this.#checks;
    this.#join.set(text, text);
    this.shown = text;
    const reply = await this.#check(text);
    // An answer to what was typed before says nothing about what stands there now.
    if (mine !== this.#checks || !reply) return undefined;
    this.complete = reply.complete;
    this.problem = text.trim() === '' || !reply.problem ? null : sentence(reply.problem);
    this.server = reply.server;
    if (!takesFormatting(text, reply.formatted, deleting)) return undefined;
    this.#join.set(text, reply.formatted);
    this.shown = reply.formatted;
    return caretAfterFormatting(text, caret?.() ?? text.length, reply.formatted);
  }

  /** A link that the system opened. */
  offer(text: string): void {
    this.offers += 1;
    void this.type(text);
  }

  /** Whether this can be joined; says what is missing when not. Too short is no mistake while it is being typed. */
  insist(): boolean {
    if (this.complete) return true;
    this.problem ??= this.shown.trim() ? t('app.code_not_whole') : t('app.code_wanted');
    return false;
  }

  /** It served its purpose. */
  clear(): void {
    this.#checks += 1;
    this.#join.set('', '');
    this.shown = '';
    this.complete = false;
    this.problem = null;
    this.server = null;
  }
}
