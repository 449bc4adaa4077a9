import { readdirSync, readFileSync } from 'node:fs';
import { parse, TYPE, type MessageFormatElement } from '@formatjs/icu-messageformat-parser';
import { describe, expect, it } from 'vitest';
import { AREAS, ENGLISH } from './english';
import { sources, walk, type Node } from './sources';
import { LANGUAGES } from './words.svelte';

const HERE = new URL('.', import.meta.url).pathname;

function messagesOf(language: string): Record<string, string> {
  const parts = AREAS.map((area) => readFileSync(`${HERE}${language}/${area}.json`, 'utf8'));
  return Object.assign({}, ...parts.map((part) => JSON.parse(part) as object)) as Record<string, string>;
}

const ALL = Object.fromEntries(LANGUAGES.map(({ id }) => [id, messagesOf(id)]));

/** Every element of a message, also those within its choices. */
function elements(parts: MessageFormatElement[]): MessageFormatElement[] {
  return parts.flatMap((part) =>
    part.type === TYPE.plural || part.type === TYPE.select
      ? [part, ...Object.values(part.options).flatMap(({ value }) => elements(value))]
      : [part],
  );
}

const read = (message: string) => elements(parse(message, { ignoreTag: true }));

/** What a message names, and which choices it makes. */
function names(message: string): string[] {
  const found = read(message).flatMap((one) => {
    if (one.type === TYPE.select) return [`${one.value}: ${Object.keys(one.options).sort().join(' ')}`];
    return 'value' in one && one.type !== TYPE.literal ? [String(one.value)] : [];
  });
  return [...new Set(found)].sort();
}

describe('the catalogue', () => {
  it('has a folder for each language, and no other', () => {
    const folders = readdirSync(HERE, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(LANGUAGES.map(({ id }) => id as string).sort());
    for (const { id } of LANGUAGES) {
      expect(readdirSync(HERE + id).sort(), id).toEqual(AREAS.map((area) => `${area}.json`));
    }
  });

  it('keeps each message in the part that its key begins with', () => {
    for (const { id } of LANGUAGES) {
      for (const area of AREAS) {
        const keys = Object.keys(JSON.parse(readFileSync(`${HERE}${id}/${area}.json`, 'utf8')) as object);
        expect(
          keys.filter((key) => !key.startsWith(`${area}.`)),
          `${id} ${area}`,
        ).toEqual([]);
      }
    }
  });

  it.each(LANGUAGES)('is whole in $name, and names what English names', ({ id }) => {
    const messages = ALL[id] ?? {};
    expect(Object.keys(messages).sort()).toEqual(Object.keys(ENGLISH).sort());
    for (const [key, english] of Object.entries(ENGLISH)) {
      const message = messages[key] ?? '';
      expect({ key, names: names(message) }).toEqual({ key, names: names(english) });
      const tags = (text: string) => text.match(/<\/?b>/gu) ?? [];
      expect({ key, tags: tags(message) }).toEqual({ key, tags: tags(english) });
      expect({ key, empty: message.trim() === '' }).toEqual({ key, empty: false });
    }
  });

  it.each(LANGUAGES)('counts as $name does', ({ id }) => {
    const known = new Intl.PluralRules(id).resolvedOptions().pluralCategories;
    // Nothing is counted when there is none of it, and nothing by the million.
    const wanted = known.filter(
      (one) => !(id === 'ar' && one === 'zero') && !(one === 'many' && id !== 'ar'),
    );
    for (const [key, message] of Object.entries(ALL[id] ?? {})) {
      for (const one of read(message)) {
        if (one.type !== TYPE.plural) continue;
        const options = Object.keys(one.options).filter((option) => !option.startsWith('='));
        expect({
          key,
          unknown: options.filter((option) => !known.includes(option as Intl.LDMLPluralRule)),
        }).toEqual({ key, unknown: [] });
        const lacking = wanted.filter((option) => !options.includes(option));
        // What is the same for every number may be written once.
        if (options.length > 1) expect({ key, lacking }).toEqual({ key, lacking: [] });
      }
    }
  });
});

const literal = (node: unknown): string | undefined => {
  const { type, value } = (node ?? {}) as Partial<Node>;
  return type === 'Literal' && typeof value === 'string' ? value : undefined;
};

describe('what the page shows', () => {
  const all = sources();
  const calls = all.flatMap(({ name, tree }) => {
    const found: { name: string; key: string | undefined; values: string[] }[] = [];
    walk(tree, (node) => {
      const callee = node['callee'] as Node | undefined;
      if (node.type !== 'CallExpression' || callee?.type !== 'Identifier' || callee['name'] !== 't') return;
      const [key, values] = node['arguments'] as (Node | undefined)[];
      found.push({ name, key: literal(key), values: valuesOf(values) });
    });
    return found;
  });

  /** The names in an object; what is spread into it is not looked through. */
  function valuesOf(node: Node | undefined): string[] {
    if (node?.type !== 'ObjectExpression') return node === undefined ? [] : ['…'];
    return (node['properties'] as Node[]).map((property) => {
      const key = property['key'] as Node | undefined;
      return key ? String(key['name'] ?? key['value']) : '…';
    });
  }

  it('is in the catalogue, and is given what it names', () => {
    expect(calls.length).toBeGreaterThan(600);
    for (const { name, key, values } of calls) {
      if (key === undefined) continue;
      const english = (ENGLISH as Record<string, string>)[key];
      expect({ name, key, known: english !== undefined }).toEqual({ name, key, known: true });
      const wanted = [...new Set(names(english ?? '').map((one) => one.split(':')[0] ?? ''))].sort();
      if (!values.includes('…'))
        expect({ name, key, values: values.sort() }).toEqual({ name, key, values: wanted });
    }
  });

  it('is all that the catalogue has', () => {
    const shown = new Set(calls.map(({ key }) => key));
    // Lists of keys are shown as well.
    for (const { tree } of all)
      walk(tree, (node) => void (node.type === 'Literal' && shown.add(literal(node))));
    // Said for the engine, of which `codes.test.ts` knows; words of the safety number; and names for whoever has none.
    const other = (key: string) => /^engine\.|^call\.safety_word_|^app\.somebody$/u.test(key);
    expect(Object.keys(ENGLISH).filter((key) => !shown.has(key) && !other(key))).toEqual([]);
  });

  /** Written alike in every language: names of things, addresses and codes that only show their form. */
  const SAME = new Set([
    'Tincan',
    'QR',
    'kqz4-m8tr-xp',
    'wss://tincan.example.org',
    'turn:turn.example.org:3478 NAME PASSWORD',
    'SIL Open Font License 1.1',
    'BSD 3-Clause, MIT',
    'Apache 2.0',
    'Tauri’s API',
    'Inter',
    'Svelte',
  ]);
  const READ = new Set([
    'aria-label',
    'aria-valuetext',
    'title',
    'placeholder',
    'label',
    'text',
    'says',
    'alt',
  ]);
  const isWords = (text: string) => /\p{L}{2}/u.test(text) && !SAME.has(text.trim());

  it('has no words of its own in a template', () => {
    const found: string[] = [];
    for (const { name, tree } of all) {
      walk(tree['fragment'], (node, parents) => {
        const parent = parents.at(-1);
        if (node.type === 'Comment' || node.type === 'StyleSheet') return false;
        if (
          node.type === 'Text' &&
          !['Attribute', 'StyleDirective'].includes(parent?.type ?? '') &&
          isWords(String(node['data']))
        ) {
          found.push(`${name}: ${String(node['data']).trim()}`);
        }
        const value = node['value'] as Node[] | Node | true | undefined;
        if (node.type === 'Attribute' && READ.has(String(node['name'])) && Array.isArray(value)) {
          const texts = value.filter(({ type, data }) => type === 'Text' && isWords(String(data)));
          found.push(...texts.map(({ data }) => `${name}: ${String(data)}`));
        }
        return undefined;
      });
    }
    expect(found).toEqual([]);
  });

  it('has no sentences in what decides, and none in an expression', () => {
    const found: string[] = [];
    // Selectors, shapes and what only a developer reads are no sentences.
    // Keys are what a keyboard sends, and are read by `caps`; `Files` is a kind of data that is dragged.
    const key =
      /^(?:Ctrl |Shift )*(?:Enter|Escape|Esc|Delete|Del|Backspace|Tab|Space|Arrow|Ctrl|Shift|[A-Z])$|^Files$/u;
    const shape = /[{}[\]<>=#]|^[MZ]?[\d\s.-]+/u;
    for (const { name, tree } of all) {
      if (!name.startsWith('state/') && !name.endsWith('.svelte')) continue;
      walk(tree, (node, parents) => {
        if (node.type === 'StyleSheet' || node.type === 'ImportDeclaration' || node.type.startsWith('TS'))
          return false;
        const callee = node['callee'] as Node | undefined;
        if (node.type === 'CallExpression' && callee?.['name'] === 't') return false;
        const parts =
          node.type === 'TemplateElement'
            ? [String((node['value'] as { raw: string }).raw)]
            : node.type === 'Literal' && typeof node['value'] === 'string'
              ? [node['value']]
              : [];
        const inAttribute = parents.some(
          ({ type, name: attribute }) => type === 'Attribute' && !READ.has(String(attribute)),
        );
        if (inAttribute) return undefined;
        const words = parts.filter(
          (text) =>
            isWords(text) &&
            /\p{L}+\s+\p{L}+|^\p{Lu}\p{Ll}+$/u.test(text) &&
            !shape.test(text) &&
            !key.test(text),
        );
        found.push(...words.map((text) => `${name}: ${text}`));
        return undefined;
      });
    }
    expect(found).toEqual([]);
  });
});
