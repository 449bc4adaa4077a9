// What tests read of the page's own sources: which messages they show, and which words stand in them.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse } from 'svelte/compiler';

/** A node of a syntax tree. Trees of templates and of scripts are walked alike. */
export interface Node {
  type: string;
  [key: string]: unknown;
}

export interface Source {
  name: string;
  tree: Node;
}

const HERE = new URL('..', import.meta.url).pathname;

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['generated', 'mock', 'words'].includes(entry.name) ? [] : files(path);
    return /\.(?:svelte|ts)$/u.test(entry.name) && !/\.test\.ts$|^testing\.ts$/u.test(entry.name)
      ? [path]
      : [];
  });
}

/** Everything that the page is built from, but for its words. */
export function sources(): Source[] {
  return files(HERE).map((path) => {
    const text = readFileSync(path, 'utf8');
    const component = path.endsWith('.svelte') ? text : `<script lang="ts">\n${text}\n</script>`;
    return { name: relative(HERE, path), tree: parse(component, { modern: true }) as unknown as Node };
  });
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value;

/** Calls back for each node, from the outside in. What it answers `false` for is not entered. */
export function walk(node: unknown, visit: (node: Node, parents: readonly Node[]) => unknown): void {
  const go = (value: unknown, parents: readonly Node[]) => {
    if (Array.isArray(value)) {
      for (const one of value) go(one, parents);
    } else if (isNode(value)) {
      if (visit(value, parents) === false) return;
      for (const [key, child] of Object.entries(value)) {
        if (key !== 'parent' && key !== 'css') go(child, [...parents, value]);
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const child of Object.values(value)) go(child, parents);
    }
  };
  go(node, []);
}
