/** What is plainly wrong with a server's address, before the engine looks at it. */
export function serverProblem(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (!/^wss?:\/\//i.test(trimmed))
    return 'A server begins with wss:// (or ws://), such as wss://tincan.example.org.';
  return URL.canParse(trimmed)
    ? undefined
    : 'This is not a whole address. It looks like wss://tincan.example.org.';
}

/** One server a line; blank lines are nothing. */
export function iceServers(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
