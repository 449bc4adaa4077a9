import { LINE_HEIGHT, PADDING } from './tools';

/** How wide a text is, in the board’s lengths, with letters of a size. */
export type Measure = (text: string, size: number) => number;

/** More lines than this are not looked at: nobody reads them. */
const MOST_LINES = 500;

/** The lines of a text that is broken at words where it is wider than `width`, and in words where one alone is. */
export function wrap(text: string, width: number, size: number, measure: Measure): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/(?<=\s)/u)) {
      let rest = word;
      if (line !== '' && measure((line + rest).trimEnd(), size) > width) {
        lines.push(line.trimEnd());
        line = '';
      }
      while (line === '' && lines.length < MOST_LINES && measure(rest.trimEnd(), size) > width) {
        const fits = fitting(rest, width, size, measure);
        if (fits >= rest.trimEnd().length) break;
        lines.push(rest.slice(0, fits));
        rest = rest.slice(fits);
      }
      line += rest;
      if (lines.length >= MOST_LINES) return lines;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}

/** No line that anybody reads is longer. */
const MOST_LETTERS = 2_000;

/** How much of a word fits, a letter at least; none is cut in two. */
function fitting(word: string, width: number, size: number, measure: Measure): number {
  const letters = [...word.slice(0, MOST_LETTERS)];
  let [fits, over] = [1, letters.length];
  while (fits < over) {
    const half = (fits + over + 1) >> 1;
    if (measure(letters.slice(0, half).join(''), size) <= width) fits = half;
    else over = half - 1;
  }
  return letters.slice(0, fits).join('').length;
}

/** How high so many lines are. */
export function heightOf(lines: number, size: number): number {
  return Math.ceil(lines * size * LINE_HEIGHT);
}

/** Other systems’ letters are a little wider. */
const SLACK = 1.05;

/** How large the frame of a text that nobody has made wider or narrower is. */
export function naturalSize(
  text: string,
  size: number,
  most: number,
  measure: Measure,
): { width: number; height: number } {
  const widest = Math.max(...text.split('\n').map((line) => measure(line, size)), size);
  const width = Math.min(Math.ceil(widest * SLACK), Math.max(most, size));
  return { width, height: heightOf(wrap(text, width, size, measure).length, size) };
}

/** How high a note has to be so that all it says is on it. */
export function noteHeight(text: string, width: number, size: number, measure: Measure): number {
  const lines = wrap(text, Math.max(size, width - 2 * PADDING), size, measure);
  return heightOf(lines.length, size) + 2 * PADDING;
}
