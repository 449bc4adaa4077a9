import type { BoardStyle } from '../../core/core';
import { t } from '../../words';

/** What a hand can do on the board, in the order of the rail. */
export const TOOLS = [
  {
    id: 'select',
    get name() {
      return t('board.tool_select');
    },
    key: 'S',
    group: 'hold',
  },
  {
    id: 'hand',
    get name() {
      return t('board.tool_hand');
    },
    key: 'H',
    group: 'hold',
  },
  {
    id: 'pen',
    get name() {
      return t('board.tool_pen');
    },
    key: 'P',
    group: 'draw',
  },
  {
    id: 'marker',
    get name() {
      return t('board.tool_marker');
    },
    key: 'F',
    group: 'draw',
  },
  {
    id: 'eraser',
    get name() {
      return t('board.tool_eraser');
    },
    key: 'E',
    group: 'draw',
  },
  {
    id: 'rectangle',
    get name() {
      return t('board.tool_rectangle');
    },
    key: 'R',
    group: 'shape',
  },
  {
    id: 'ellipse',
    get name() {
      return t('board.tool_ellipse');
    },
    key: 'O',
    group: 'shape',
  },
  {
    id: 'line',
    get name() {
      return t('board.tool_line');
    },
    key: 'I',
    group: 'shape',
  },
  {
    id: 'arrow',
    get name() {
      return t('board.tool_arrow');
    },
    key: 'A',
    group: 'shape',
  },
  {
    id: 'text',
    get name() {
      return t('board.tool_text');
    },
    key: 'T',
    group: 'write',
  },
  {
    id: 'note',
    get name() {
      return t('board.tool_note');
    },
    key: 'N',
    group: 'write',
  },
  {
    id: 'laser',
    get name() {
      return t('board.tool_laser');
    },
    key: 'X',
    group: 'write',
  },
] as const;

export type Tool = (typeof TOOLS)[number]['id'];

/** A tool’s key that is a command: a picture is chosen, and then it is there. */
export const PICTURE_KEY = 'U';

/** For the list of all keys: those of the board, while it is on the stage. */
export const BOARD_KEYS: readonly { keys: readonly string[]; does: string }[] = [
  ...TOOLS.map((tool) => ({
    keys: [tool.key],
    get does() {
      return tool.name;
    },
  })),
  {
    keys: [PICTURE_KEY],
    get does() {
      return t('board.key_picture');
    },
  },
  {
    keys: ['Enter'],
    get does() {
      return t('board.key_enter');
    },
  },
  {
    keys: ['↑', '↓', '←', '→'],
    get does() {
      return t('board.key_arrows');
    },
  },
  {
    keys: ['Del'],
    get does() {
      return t('board.key_delete');
    },
  },
  {
    keys: ['Ctrl Z'],
    get does() {
      return t('board.key_undo');
    },
  },
  {
    keys: ['Ctrl A'],
    get does() {
      return t('board.key_all');
    },
  },
  {
    keys: ['Ctrl D'],
    get does() {
      return t('board.key_copy');
    },
  },
  {
    keys: ['+', '-', '0'],
    get does() {
      return t('board.key_zoom');
    },
  },
];

/**
 * Colours for lines and text. On the sheet of either theme each has a contrast of 4.5 at least, and any two differ enough to
 * be told apart, by whoever sees no red or no green too (colours.test.ts).
 */
export const COLORS = [
  {
    id: 'black',
    get name() {
      return t('board.color_black');
    },
    value: '#161b1d',
  },
  {
    id: 'red',
    get name() {
      return t('board.color_red');
    },
    value: '#cf2619',
  },
  {
    id: 'brown',
    get name() {
      return t('board.color_brown');
    },
    value: '#643004',
  },
  {
    id: 'green',
    get name() {
      return t('board.color_green');
    },
    value: '#156f41',
  },
  {
    id: 'blue',
    get name() {
      return t('board.color_blue');
    },
    value: '#1864bd',
  },
  {
    id: 'purple',
    get name() {
      return t('board.color_purple');
    },
    value: '#631db8',
  },
  {
    id: 'plum',
    get name() {
      return t('board.color_plum');
    },
    value: '#80205e',
  },
  {
    id: 'grey',
    get name() {
      return t('board.color_grey');
    },
    value: '#626d75',
  },
] as const;

/** The sheets of sticky notes: dark letters are read on each. */
export const SHEETS = [
  {
    id: 'yellow',
    get name() {
      return t('board.color_yellow');
    },
    value: '#ffe58a',
  },
  {
    id: 'orange',
    get name() {
      return t('board.color_orange');
    },
    value: '#ffcb9a',
  },
  {
    id: 'pink',
    get name() {
      return t('board.color_pink');
    },
    value: '#ffc9d6',
  },
  {
    id: 'purple',
    get name() {
      return t('board.color_purple');
    },
    value: '#dccfff',
  },
  {
    id: 'blue',
    get name() {
      return t('board.color_blue');
    },
    value: '#bfe0ff',
  },
  {
    id: 'green',
    get name() {
      return t('board.color_green');
    },
    value: '#c3efc0',
  },
  {
    id: 'white',
    get name() {
      return t('board.color_white');
    },
    value: '#ffffff',
  },
] as const;

/** What is written with on a note, whatever the colour of the pen. */
export const INK = COLORS[0].value;

export const WIDTHS = [
  {
    id: 'thin',
    get name() {
      return t('board.width_thin');
    },
    value: 20,
  },
  {
    id: 'medium',
    get name() {
      return t('board.width_medium');
    },
    value: 40,
  },
  {
    id: 'thick',
    get name() {
      return t('board.width_thick');
    },
    value: 90,
  },
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
export function colorName(of: string): string {
  const rgb = (value: string) => [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  const wanted = rgb(of);
  let best: { color: (typeof COLORS)[number]; apart: number } = { color: COLORS[0], apart: Infinity };
  for (const color of COLORS) {
    const { value } = color;
    const apart = rgb(value).reduce((sum, part, at) => sum + (part - (wanted[at] ?? 0)) ** 2, 0);
    if (apart < best.apart) best = { color, apart };
  }
  return best.color.name;
}
