import { readToken, stillValid } from './session';
import { inside } from './sign-in-page';

function token(claims: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  const text = btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return `head.${text}.signature`;
}

describe('a session', () => {
  it('reads who the bearer is, in any letters', () => {
    const bearer = readToken(token({ exp: 10, login: 'anna', full_name: 'Анна Ёлкина', role: 'editor' }));
    expect(bearer).toMatchObject({ login: 'anna', fullName: 'Анна Ёлкина', role: 'editor', expiresAt: 10_000 });
  });

  it('takes nothing that is no token', () => {
    for (const text of ['', 'a.b.c', 'abc', token({}), token({ exp: '10' }), 'a.bnVsbA.c']) expect(readToken(text)).toBeNull();
  });

  it('ends with its token', () => {
    const bearer = readToken(token({ exp: 10 }));
    expect([stillValid(bearer, 9_999), stillValid(bearer, 10_000)]).toEqual([bearer, null]);
  });

  it('comes back to addresses of this interface only', () => {
    for (const address of [undefined, '', 'https://evil', '//evil', '/\\evil', 'javascript:1']) expect(inside(address)).toBe('/');
    expect(inside('/documents/1?x=2')).toBe('/documents/1?x=2');
  });
});
