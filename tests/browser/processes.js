// What a program and everything that it started take of this machine (Linux only).

import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks a second (`getconf CLK_TCK`): the same on every Linux that Chromium runs on. */
const TICKS = 100;

/**
 * Seconds of processor time so far, and memory in MB as proportional set size: what is shared counts in parts.
 * @param {number} root
 */
export function usage(root) {
  let [seconds, megabytes] = [0, 0];
  for (const id of tree(root)) {
    try {
      const [user, system] = stat(id).slice(11, 13);
      seconds += (Number(user) + Number(system)) / TICKS;
      const rollup = readFileSync(`/proc/${id}/smaps_rollup`, 'utf8');
      megabytes += Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) / 1024;
    } catch {
      // It has just ended.
    }
  }
  return { seconds, megabytes };
}

/** @param {number} root */
function tree(root) {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (id) {
      try {
        const parent = Number(stat(id)[1]);
        children.set(parent, [...(children.get(parent) ?? []), id]);
      } catch {
        // It has just ended.
      }
    }
  }
  const found = [root];
  for (const id of found) {
    found.push(...(children.get(id) ?? []));
  }
  return found;
}

/** The fields of /proc/ID/stat from the state on: the name before it may hold spaces. @param {number} id */
function stat(id) {
  const line = readFileSync(`/proc/${id}/stat`, 'utf8');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}
