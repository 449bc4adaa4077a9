import { t } from '../words';

/** A part of a text: plain, or an address of the web or of a mailbox. */
export interface Piece {
  text: string;
  href?: string;
}

/** As people write addresses: with their scheme, or with the `www.` that stands for it. */
const ADDRESS =
  /(?:https?:\/\/|www\.)[^\s<>"\u201c\u201d\u00ab\u00bb]+|[\p{L}\p{N}._+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/giu;
/** What ends the sentence rather than the address. */
const BEHIND = /[.,;:!?'*_~\u2019\u2026]$/u;
const PAIRS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** Cuts a text at the addresses in it. Nothing is fetched, and nothing but http, https and mailboxes is taken for one. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const before = text[match.index - 1];
    // In the middle of a word nobody means an address.
    if (before !== undefined && /[\p{L}\p{N}@:/]/u.test(before)) continue;
    const address = trimmed(match[0]);
    const href = whole(address);
    if (href === undefined) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** Without what belongs to the sentence around it: “(see https://a.example/x_(y)).” */
function trimmed(address: string): string {
  let shorter = address;
  for (;;) {
    const last = shorter.at(-1) ?? '';
    const open = PAIRS[last];
    const unpaired = open !== undefined && shorter.split(last).length > shorter.split(open).length;
    if (!unpaired && !BEHIND.test(shorter)) return shorter;
    shorter = shorter.slice(0, -1);
  }
}

/** The address as a browser takes it; user names in it only make it look like another. */
function whole(address: string): string | undefined {
  if (!/^(?:https?:|www\.)/iu.test(address)) return mailbox(address);
  const href = /^www\./iu.test(address) ? `https://${address}` : address;
  if (!URL.canParse(href)) return undefined;
  const { protocol, hostname, username, password } = new URL(href);
  const web = protocol === 'http:' || protocol === 'https:';
  const named = hostname === 'localhost' || hostname.includes('.') || hostname.startsWith('[');
  return web && named && username === '' && password === '' ? href : undefined;
}

function mailbox(address: string): string | undefined {
  const href = `mailto:${address}`;
  return address.startsWith('.') || !URL.canParse(href) ? undefined : href;
}

/** What is shown of an address before it is opened. */
export interface Destination {
  kind: 'web' | 'mail';
  /** All of it, as it is opened. */
  href: string;
  /** The part that says where it leads, and what stands around it. */
  before: string;
  host: string;
  after: string;
  /** What is to be known of it, if anything. */
  warning: string | undefined;
}

/** Where an address leads; the host as the network knows it, so that no other alphabet's letters stand for these. */
export function destination(href: string): Destination | undefined {
  if (!URL.canParse(href)) return undefined;
  const url = new URL(href);
  if (url.protocol === 'mailto:') {
    return { kind: 'mail', href, before: '', host: url.pathname, after: '', warning: undefined };
  }
  const { host } = url;
  const whole = url.href;
  const at = whole.indexOf(host, url.protocol.length);
  const warning = host.split('.').some((label) => label.startsWith('xn--'))
    ? t('app.link_lookalike')
    : url.protocol === 'http:'
      ? t('app.link_plain')
      : undefined;
  return {
    kind: 'web',
    href: whole,
    before: whole.slice(0, at),
    host,
    after: whole.slice(at + host.length),
    warning,
  };
}
