import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ENGLISH } from './english';

const ROOT = new URL('../../..', import.meta.url).pathname;
/** Where nothing is said to the window: the server, and what speaks to a terminal. */
const NOT_HEARD = /\/(?:signal-server|cli)\/|\/tests?(?:ing)?(?:\.rs$|\/)|_tests\.rs$/u;

function rust(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'target' ? [] : rust(path);
    return entry.name.endsWith('.rs') && !NOT_HEARD.test(path) ? [path] : [];
  });
}

const read = (folders: readonly string[]) =>
  folders
    .flatMap((folder) => rust(ROOT + folder))
    .map((path) => readFileSync(path, 'utf8').split('#[cfg(test)]\nmod tests {')[0] ?? '')
    .map((text) => text.replaceAll(/^\s*\/\/.*$/gmu, ''))
    .join('\n');
/** Every part has errors with codes; the engine and the shell make sentences of them. */
const all = read(['crates']);
const said = read(['crates/engine/src', 'src-tauri/src']);

/** Wherever a sentence is made: its code is written there, comes from an error’s `code`, or is a constant. */
const MADE =
  /(?<!#\[|fn )\b(?:Sentence::new|CommandError::new|error|refusal|presence|notice)\(\s*(?:NoticeKind::\w+,\s*)?([^,)]+)/gu;
/** An error that has one, what carries one, or a part of the program that hands one on. */
const FROM_ELSEWHERE =
  /^(?:(?:&?\w+)?(?:self|error|refused|problem|what)\.code|code$|path$|before$|what$|&refused$)/u;

function codes(): { codes: Set<string>; strange: string[] } {
  const found = new Set<string>();
  const strange: string[] = [];
  const constants = new Map(
    [...said.matchAll(/const (\w+): &str = "([a-z_]+)"/gu)].map(([, name, code]) => [name, code] as const),
  );
  for (const [, given = ''] of said.matchAll(MADE)) {
    const first = given.trim();
    const [, written] = /^"([a-z0-9_]+)"$/u.exec(first) ?? [];
    const code = written ?? constants.get(first);
    if (code !== undefined) found.add(code);
    else if (first.startsWith('"') || /^[A-Z_]+$/u.test(first)) strange.push(first);
  }
  // What an error’s `code` answers with, and tables of codes with their sentences.
  for (const [, body = ''] of all.matchAll(/fn code\(&?self\)[^{]*\{([^]*?)\n {4}\}/gu)) {
    for (const [, code = ''] of body.matchAll(/"([a-z0-9_]+)"/gu)) found.add(code);
  }
  for (const [, code = ''] of said.matchAll(/\bcode: "([a-z_]+)"/gu)) found.add(code);
  for (const [, code = ''] of said.matchAll(/(?:Hint|LeaveReason)::\w+ => (?:\{\s*)?\(\s*"([a-z_]+)"/gu))
    found.add(code);
  return { codes: found, strange };
}

it('has words for every code that the engine and the shell can send, and for no other', () => {
  const { codes: sent, strange } = codes();
  expect(strange).toEqual([]);
  expect(sent.size).toBeGreaterThan(120);
  // The door says it itself, when nobody answers behind it.
  sent.add('no_answer');
  const known = Object.keys(ENGLISH).flatMap((key) =>
    key.startsWith('engine.') ? [key.slice('engine.'.length)] : [],
  );
  expect([...sent].filter((code) => !known.includes(code)).sort(), 'without words').toEqual([]);
  expect(known.filter((code) => !sent.has(code)).sort(), 'words for nothing').toEqual([]);
});

it('reads codes where sentences are made, and nothing else is handed there', () => {
  const odd = [...said.matchAll(MADE)].map(([, given = '']) => given.trim());
  const unread = odd.filter(
    (first) => !first.startsWith('"') && !/^[A-Z_]+$/u.test(first) && !FROM_ELSEWHERE.test(first),
  );
  expect(unread).toEqual([]);
});
