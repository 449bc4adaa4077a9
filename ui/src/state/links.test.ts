import { describe, expect, it } from 'vitest';
import { destination, pieces } from './links';

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
      ['Write to ada@www.example.org.', 'mailto:ada@www.example.org'],
      ['<ada.lovelace+calls@example.org>', 'mailto:ada.lovelace+calls@example.org'],
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
      'example.org',
      'ada@example',
      'mailto:ada@example.org?attach=/etc/passwd',
      '@ada@example.org',
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

describe('where an address leads', () => {
  it('is shown with its host apart, as the network knows it', () => {
    expect(destination('https://www.example.org/a?b#c')).toMatchObject({
      kind: 'web',
      before: 'https://',
      host: 'www.example.org',
      after: '/a?b#c',
      warning: undefined,
    });
    const other = destination('https://exаmple.org/');
    expect(other?.host).toMatch(/^xn--/);
    expect(other?.warning).toContain('letters');
    expect(destination('http://a.example:8080/')).toMatchObject({ host: 'a.example:8080', after: '/' });
    expect(destination('http://a.example/')?.warning).toContain('not encrypted');
    expect(destination('mailto:ada@example.org')).toMatchObject({ kind: 'mail', host: 'ada@example.org' });
    expect(destination('nothing')).toBeUndefined();
  });
});
