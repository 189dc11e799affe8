import { provideZonelessChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { Session } from '../session/session';
import { Archive, FETCH } from './archive';

const TOKEN = `a.${btoa('{"exp":99999999999,"login":"anna"}')}.b`;
const UNAUTHENTICATED = { type: 't', title: 'Not signed in', status: 401, detail: 'Sign in.', code: 'unauthenticated' };

describe('the archive', () => {
  let answer: () => Response;
  let asked: Request[];
  let archive: Archive;
  let session: Session;

  beforeEach(() => {
    asked = [];
    const fetch = async (request: Request) => (asked.push(request), answer());
    TestBed.configureTestingModule({
      providers: [provideZonelessChangeDetection(), { provide: FETCH, useValue: fetch }],
    });
    archive = TestBed.inject(Archive);
    session = TestBed.inject(Session);
    session.end();
  });

  it('is signed in to with a form, and asked with the token from then on', async () => {
    answer = () => Response.json({ access_token: TOKEN, token_type: 'Bearer', expires_in: 900 });
    await archive.signIn('anna', 'пароль & =');
    expect(new URLSearchParams(await asked[0]!.text()).get('password')).toBe('пароль & =');
    expect(asked[0]!.headers.get('content-type')).toMatch(/^application\/x-www-form-urlencoded/);
    answer = () => Response.json({ items: [], next_cursor: null });
    await archive.documents();
    expect(asked[1]!.headers.get('authorization')).toBe(`Bearer ${TOKEN}`);
  });

  it('ends the session when the token is not taken any more', async () => {
    session.begin(TOKEN);
    answer = () => Response.json(UNAUTHENTICATED, { status: 401 });
    await expect(archive.elements()).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(session.isSignedIn()).toBe(false);
  });

  it('is told to be unreachable when nobody answers', async () => {
    answer = () => {
      throw new TypeError('Failed to fetch');
    };
    await expect(archive.document('1')).rejects.toMatchObject({ code: 'unreachable', mayPass: true });
    await expect(archive.content('1')).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('is asked at addresses that an identifier cannot leave', async () => {
    answer = () => new Response('{}');
    await archive.attributes('../../x?y');
    expect(new URL(asked[0]!.url).pathname).toBe('/api/v1/documents/..%2F..%2Fx%3Fy/attributes');
  });
});
