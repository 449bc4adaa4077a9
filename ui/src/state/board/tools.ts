import type { BoardStyle } from '../../core/core';

/** What a hand can do on the board, in the order of the rail. */
export const TOOLS = [
  { id: 'select', name: 'Select', key: 'S', group: 'hold' },
  { id: 'hand', name: 'Move the board', key: 'H', group: 'hold' },
  { id: 'pen', name: 'Pen', key: 'P', group: 'draw' },
  { id: 'marker', name: 'Marker', key: 'F', group: 'draw' },
  { id: 'eraser', name: 'Eraser', key: 'E', group: 'draw' },
  { id: 'rectangle', name: 'Rectangle', key: 'R', group: 'shape' },
  { id: 'ellipse', name: 'Ellipse', key: 'O', group: 'shape' },
  { id: 'line', name: 'Line', key: 'I', group: 'shape' },
  { id: 'arrow', name: 'Arrow', key: 'A', group: 'shape' },
  { id: 'text', name: 'Text', key: 'T', group: 'write' },
  { id: 'note', name: 'Sticky note', key: 'N', group: 'write' },
  { id: 'laser', name: 'Laser pointer', key: 'X', group: 'write' },
] as const;

export type Tool = (typeof TOOLS)[number]['id'];

/** A tool’s key that is a command: a picture is chosen, and then it is there. */
export const PICTURE_KEY = 'U';

/** For the list of all keys: those of the board, while it is on the stage. */
export const BOARD_KEYS: readonly { keys: readonly string[]; does: string }[] = [
  ...TOOLS.map(({ key, name }) => ({ keys: [key], does: name })),
  { keys: [PICTURE_KEY], does: 'Put a picture on the board' },
  { keys: ['Enter'], does: 'Put what the tool makes into the middle, or write in the chosen text' },
  { keys: ['↑', '↓', '←', '→'], does: 'Move what is chosen, further with Shift; or the board' },
  { keys: ['Del'], does: 'Delete what is chosen' },
  { keys: ['Ctrl Z'], does: 'Undo what you did; with Shift do it again' },
  { keys: ['Ctrl A'], does: 'Choose everything on the page' },
  { keys: ['Ctrl D'], does: 'Copy what is chosen' },
  { keys: ['+', '-', '0'], does: 'Larger, smaller, show everything' },
];

/**
 * Colours for lines and text. On the sheet of either theme each has a contrast of 4.5 at least, and any two differ enough to
 * be told apart, by whoever sees no red or no green too (colours.test.ts).
 */
export const COLORS = [
  { name: 'Black', value: '#161b1d' },
  { name: 'Red', value: '#cf2619' },
  { name: 'Brown', value: '#643004' },
  { name: 'Green', value: '#156f41' },
  { name: 'Blue', value: '#1864bd' },
  { name: 'Purple', value: '#631db8' },
  { name: 'Plum', value: '#80205e' },
  { name: 'Grey', value: '#626d75' },
] as const;

/** The sheets of sticky notes: dark letters are read on each. */
export const SHEETS = [
  { name: 'Yellow', value: '#ffe58a' },
  { name: 'Orange', value: '#ffcb9a' },
  { name: 'Pink', value: '#ffc9d6' },
  { name: 'Purple', value: '#dccfff' },
  { name: 'Blue', value: '#bfe0ff' },
  { name: 'Green', value: '#c3efc0' },
  { name: 'White', value: '#ffffff' },
] as const;

/** What is written with on a note, whatever the colour of the pen. */
export const INK = COLORS[0].value;

export const WIDTHS = [
  { name: 'Thin', value: 20 },
  { name: 'Medium', value: 40 },
  { name: 'Thick', value: 90 },
] as const;

/** A marker is broad: so many times a pen of the same choice. */
export const MARKER = 5;
/** An eraser’s radius and a laser’s width, in CSS pixels. */
export const ERASER = 8;
export const LASER = 5;

/** Of letters. They follow the choice of width. */
export const SIZES = [160, 240, 400] as const;
/** A note as it is put down. */
export const NOTE = 2_000;
/** How much of it stays free around what it says, and how round its corners are. */
export const PADDING = 120;
export const CORNER = 60;
/** Of a text’s letters. */
export const LINE_HEIGHT = 1.3;

export interface Choice {
  color: string;
  sheet: string;
  /** Of `WIDTHS` and `SIZES`. */
  width: number;
  filled: boolean;
}

/** How what a tool makes looks. */
export function styleOf(tool: Tool, { color, sheet, width, filled }: Choice): BoardStyle {
  const line = WIDTHS[width]?.value ?? WIDTHS[1].value;
  const size = SIZES[width] ?? SIZES[1];
  switch (tool) {
    case 'marker':
      return { color, fill: null, width: line * MARKER, size };
    case 'note':
      return { color: INK, fill: sheet, width: line, size };
    case 'rectangle':
    case 'ellipse':
      return { color, fill: filled ? tint(color) : null, width: line, size };
    default:
      return { color, fill: null, width: line, size };
  }
}

/** The inside of a filled shape: its colour, mostly white, so that what is written on it is read. */
export function tint(color: string): string {
  const part = (at: number) => parseInt(color.slice(at, at + 2), 16);
  const light = (value: number) => Math.round(255 - (255 - value) * 0.22);
  return `#${[1, 3, 5].map((at) => light(part(at)).toString(16).padStart(2, '0')).join('')}`;
}

/** What a colour is called; of one that is not ours, nearly. */
export function colorName(color: string): string {
  const rgb = (value: string) => [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  const wanted = rgb(color);
  let best: { name: string; apart: number } = { name: COLORS[0].name, apart: Infinity };
  for (const { name, value } of COLORS) {
    const apart = rgb(value).reduce((sum, part, at) => sum + (part - (wanted[at] ?? 0)) ** 2, 0);
    if (apart < best.apart) best = { name, apart };
  }
  return best.name;
}
