/** Unicode's isolates: what is between them has a direction of its own, and moves nothing around it. */
export const FIRST_STRONG = '\u2068';
export const POP = '\u2069';

/** A piece of a message: a name or something else that is isolated, something that matters, or plain words. */
export interface Part {
  text: string;
  strong: boolean;
  apart: boolean;
}

/** Takes a message apart where Unicode's isolates and `<b>` are. What is isolated is somebody else's: no tag in it counts. */
export function marked(message: string): Part[] {
  const parts: Part[] = [];
  let strong = false;
  const put = (text: string, apart: boolean) => text !== '' && parts.push({ text, strong, apart });
  let from = 0;
  for (const match of message.matchAll(/\u2068([^\u2068\u2069]*)\u2069|<\/?b>/gu)) {
    put(message.slice(from, match.index), false);
    if (match[1] !== undefined) put(match[1], true);
    else strong = match[0] === '<b>';
    from = match.index + match[0].length;
  }
  put(message.slice(from), false);
  return parts;
}
