import app from './en/app.json';
import board from './en/board.json';
import call from './en/call.json';
import engine from './en/engine.json';
import files from './en/files.json';
import games from './en/games.json';

/** The parts that a language's messages are kept in; a key begins with the name of its part. */
export const AREAS = ['app', 'board', 'call', 'engine', 'files', 'games'] as const;

/** What the window says, in the language that every other one falls back on. */
export const ENGLISH = { ...app, ...board, ...call, ...engine, ...files, ...games };

export type Key = keyof typeof ENGLISH;
