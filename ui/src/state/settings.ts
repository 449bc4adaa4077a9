/** What was typed as a server, as it is kept; or what is plainly wrong with it, before the engine looks at it. */
export type ServerAddress = { url: string | null; says?: string } | { problem: string };

const EXAMPLE = 'wss://tincan.example.org';

/** People copy servers from browsers and from speech: what is missing or plainly meant is mended, and said. */
export function serverAddress(text: string): ServerAddress {
  const typed = text.trim();
  if (typed === '') return { url: null };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(typed)?.[1]?.toLowerCase();
  const rest = scheme === undefined ? typed : typed.slice(scheme.length + '://'.length);
  if (scheme === 'ws' || scheme === 'wss') return whole(`${scheme}://${rest}`);
  if (scheme === undefined) return whole(`wss://${rest}`, 'wss:// was added: the connection is encrypted.');
  if (scheme === 'https') return whole(`wss://${rest}`, 'A server is reached by wss:// instead of https://.');
  if (scheme === 'http') return whole(`ws://${rest}`, 'A server is reached by ws:// instead of http://.');
  return { problem: `A server begins with wss:// (or ws://), such as ${EXAMPLE}.` };
}

function whole(url: string, says?: string): ServerAddress {
  if (/\s/.test(url) || !URL.canParse(url) || new URL(url).hostname === '')
    return { problem: `This is not a whole address. It looks like ${EXAMPLE}.` };
  return says === undefined ? { url } : { url, says };
}

/** One server a line; blank lines are nothing. */
export function iceServers(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
