import { describe, expect, it } from 'vitest';
import { pieces } from './links';

const hrefs = (text: string) => pieces(text).flatMap(({ href }) => href ?? []);

describe('links in a text', () => {
  it('are found where people write them, without the sentence around them', () => {
    for (const [text, href] of [
      ['https://a.example', 'https://a.example'],
      ['See http://a.example/x?y=1#z, please.', 'http://a.example/x?y=1#z'],
      ['(https://a.example/x_(y)).', 'https://a.example/x_(y)'],
      ['“https://a.example”', 'https://a.example'],
      ['www.example.org!', 'https://www.example.org'],
      ['HTTPS://A.example/', 'HTTPS://A.example/'],
      ['http://localhost:8080/x', 'http://localhost:8080/x'],
      ['http://[::1]/', 'http://[::1]/'],
      ['a\nhttps://a.example\nb', 'https://a.example'],
    ] as const) {
      expect(hrefs(text), text).toEqual([href]);
    }
  });

  it('are nothing but whole addresses of the web', () => {
    for (const text of [
      'javascript:alert(1)',
      'file:///etc/passwd',
      'tincan://join/kqz4m8trxp',
      'https://',
      'https://x',
      'https://bank.example@evil.example/',
      'xhttps://a.example',
      'ada@www.example.org',
      'example.org',
    ]) {
      expect(hrefs(text), text).toEqual([]);
    }
  });

  it('leave the text as it is', () => {
    const text = 'a https://a.example, b www.b.example. c';
    expect(
      pieces(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe(text);
    expect(pieces('')).toEqual([]);
  });
});
