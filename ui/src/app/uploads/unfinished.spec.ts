import { TestBed } from '@angular/core/testing';
import { Session } from '../session/session';
import { ArchiveDouble, testing } from '../testing/page';
import { UnfinishedUploads, isSameFile, readUnfinished, type Unfinished } from './unfinished';

const ONE = { key: 'k', name: 'Фильм.mp4', size: 20_000_000, type: 'video/mp4', modified: 7, digest: 'd', url: 'http://agent/u' };
const DAY_MS = 24 * 3600 * 1000;
const tokenOf = (login: string) => `a.${btoa(JSON.stringify({ exp: 99_999_999_999, login }))}.b`;

describe('what a closed tab has left', () => {
  let session: Session;
  const opened = () => TestBed.inject(UnfinishedUploads);
  const keys = () => opened().list().map(({ key }) => key);

  beforeEach(() => {
    localStorage.clear();
    testing(new ArchiveDouble());
    session = TestBed.inject(Session);
    session.begin(tokenOf('maria'));
  });

  afterEach(() => localStorage.clear());

  it('is known to the next tab, to who began it alone', () => {
    opened().keep(ONE);
    expect(keys()).toEqual(['k']);
    expect(readUnfinished(localStorage.getItem('artstore.uploads'), Date.now())).toMatchObject([{ ...ONE, login: 'maria' }]);
    session.begin(tokenOf('pavel'));
    expect(keys()).toEqual([]);
  });

  it('is kept once for each upload, the newest first, and dropped by its key', () => {
    for (const key of ['1', '2', '1']) opened().keep({ ...ONE, key });
    expect(keys()).toEqual(['1', '2']);
    opened().drop('1');
    expect(keys()).toEqual(['2']);
  });

  it('takes in what another tab has kept meanwhile', () => {
    opened().keep(ONE);
    const other = { ...ONE, key: 'other', login: 'maria', since: Date.now() };
    localStorage.setItem('artstore.uploads', JSON.stringify([other]));
    opened().keep({ ...ONE, key: 'mine' });
    expect(keys()).toEqual(['mine', 'other']);
  });

  it('goes as soon as another tab has seen it through', () => {
    for (const key of ['1', '2']) opened().keep({ ...ONE, key });
    const [, second] = opened().list();
    localStorage.setItem('artstore.uploads', JSON.stringify([second, { ...second, key: 'fresh' }]));
    dispatchEvent(new StorageEvent('storage', { key: 'artstore.uploads' }));
    // What the other tab is sending itself is not left by anybody.
    expect(keys()).toEqual(['1']);
  });

  it('is bounded, and goes when the person leaves', () => {
    for (let number = 0; number < 60; number++) opened().keep({ ...ONE, key: `${number}` });
    expect(keys().length).toBe(50);
    opened().forget();
    expect([keys(), localStorage.getItem('artstore.uploads')]).toEqual([[], '[]']);
  });

  it('is forgotten when the archive no longer waits for it, and nothing is made of what cannot be read', () => {
    const kept: Unfinished = { ...ONE, login: 'maria', since: 1000 };
    expect(readUnfinished(JSON.stringify([kept]), 1000 + DAY_MS).length).toBe(1);
    expect(readUnfinished(JSON.stringify([kept]), 1000 + 3 * DAY_MS)).toEqual([]);
    for (const text of ['{"a":1}', '[half', '[null, 1, {"key":"k"}]']) expect(readUnfinished(text, 1000)).toEqual([]);
  });

  it('belongs to a file of the same name, size and time, and to no other', () => {
    const chosen = { name: ONE.name, size: ONE.size, lastModified: ONE.modified };
    expect(isSameFile(ONE, chosen)).toBe(true);
    for (const other of [{ name: 'x' }, { size: 1 }, { lastModified: 8 }]) expect(isSameFile(ONE, { ...chosen, ...other })).toBe(false);
  });
});
