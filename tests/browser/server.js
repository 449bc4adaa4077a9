// Serves the page, and the libraries that it imports, on a free port of the loopback interface.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };

/**
 * @param {string} page below `page/`
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serve(page) {
  const server = createServer(async (request, response) => {
    const path = normalize(join(ROOT, new URL(request.url ?? '/', 'http://localhost').pathname));
    const type = TYPES[extname(path)];
    try {
      if (!type || !path.startsWith(ROOT.endsWith(sep) ? ROOT : ROOT + sep)) {
        throw new Error('not served');
      }
      response.writeHead(200, { 'content-type': type }).end(await readFile(path));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)));
  const address = server.address();
  if (typeof address !== 'object' || !address) {
    throw new Error('a server that listens has an address');
  }
  return { url: `http://127.0.0.1:${address.port}/page/${page}`, close: () => server.close() };
}
