/**
 * The pictures of the safety number, by their names. Our own drawings and no emoji: where a system has no font for those,
 * both sides see the same empty boxes, which read as “they match”.
 */
const files = import.meta.glob<string>('./*.svg', { eager: true, query: '?url', import: 'default' });

/** Where the picture of a word is, such as `light bulb`; `undefined` for a word that is not ours. */
export function pictureOf(word: string): string | undefined {
  return files[`./${word.replaceAll(' ', '-')}.svg`];
}
