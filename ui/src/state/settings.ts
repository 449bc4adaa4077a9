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

/** The settings' pages, as they are listed. */
export const PAGES = [
  { id: 'general', title: 'General', icon: 'settings' },
  { id: 'devices', title: 'Devices', icon: 'camera' },
  { id: 'calls', title: 'Calls', icon: 'phone' },
  { id: 'notifications', title: 'Notifications', icon: 'bell' },
  { id: 'connection', title: 'Connection', icon: 'network' },
  { id: 'about', title: 'About', icon: 'info' },
] as const;

export type SettingsPage = (typeof PAGES)[number]['id'];

/** Where a key leads from a page; `undefined` for any other key. Both directions count: the list lies or stands. */
export function pageByKey(from: SettingsPage, key: string): SettingsPage | undefined {
  const at = PAGES.findIndex(({ id }) => id === from);
  const last = PAGES.length - 1;
  const by: Readonly<Record<string, number>> = {
    ArrowDown: (at + 1) % PAGES.length,
    ArrowRight: (at + 1) % PAGES.length,
    ArrowUp: (at + last) % PAGES.length,
    ArrowLeft: (at + last) % PAGES.length,
    Home: 0,
    End: last,
  };
  const next = by[key];
  return next === undefined ? undefined : PAGES[next]?.id;
}
