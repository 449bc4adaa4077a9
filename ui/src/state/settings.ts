import { t } from '../words';

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
  if (scheme === undefined) return whole(`wss://${rest}`, t('app.wss_added'));
  if (scheme === 'https') return whole(`wss://${rest}`, t('app.wss_instead'));
  if (scheme === 'http') return whole(`ws://${rest}`, t('app.ws_instead'));
  return { problem: t('app.server_begins', { example: EXAMPLE }) };
}

function whole(url: string, says?: string): ServerAddress {
  if (/\s/.test(url) || !URL.canParse(url) || new URL(url).hostname === '')
    return { problem: t('app.server_not_whole', { example: EXAMPLE }) };
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
  {
    id: 'general',
    get title() {
      return t('app.page_general');
    },
    icon: 'settings',
  },
  {
    id: 'devices',
    get title() {
      return t('app.page_devices');
    },
    icon: 'camera',
  },
  {
    id: 'calls',
    get title() {
      return t('app.page_calls');
    },
    icon: 'phone',
  },
  {
    id: 'notifications',
    get title() {
      return t('app.page_notifications');
    },
    icon: 'bell',
  },
  {
    id: 'connection',
    get title() {
      return t('app.page_connection');
    },
    icon: 'network',
  },
  {
    id: 'about',
    get title() {
      return t('app.page_about');
    },
    icon: 'info',
  },
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
