import { TestBed } from '@angular/core/testing';
import { Router } from '@angular/router';
import { Session } from '../session/session';
import { AWAY, ArchiveDouble, show, testing } from '../testing/page';
import { SEND } from '../uploads/sender';
import { Uploads } from '../uploads/uploads';
import { Begun, REMEMBERED_MAX, readBegun } from './begun';
import { OperationPage } from './operation-page';
import { OperationsPage, operationIn } from './operations-page';

const ID = '01930f2c-7a10-7c44-9b1e-5d2f8a6c0077';
const operation = (more = {}) => ({ operation_id: ID, kind: 'upload', state: 'running', step: 'text', document_id: 'd1', problem: null, started_at: '2026-11-24T10:00:00Z', finished_at: null, steps: [], ...more });
const file = (name: string) => ({ name, size: 3, type: '', slice: () => ({ arrayBuffer: async () => new TextEncoder().encode('abc').buffer }) }) as unknown as File;

describe('operations', () => {
  let archive: ArchiveDouble;
  let number: number;

  beforeEach(() => {
    number = 0;
    archive = new ArchiveDouble().on(`/${ID}`, operation());
    archive.on('/uploads', () => Response.json({ operation_id: `op${++number}`, document_id: 'd', upload_url: 'http://agent/', ticket: 't' }));
    testing(archive, { provide: SEND, useValue: async () => undefined });
  });

  const remember = async (count: number) => {
    TestBed.inject(Begun);
    TestBed.inject(Uploads).add(Array.from({ length: count }, (_, at) => file(`${at}.txt`)));
    await vi.waitFor(() => {
      TestBed.tick();
      expect(number).toBe(count);
    });
    TestBed.tick();
  };

  it('says plainly that the list is of this tab, and where to begin one', async () => {
    const page = show(OperationsPage);
    expect(page.text).toContain('those you started in this tab');
    expect(page.text).toContain('You have not started any operation in this tab.');
  });

  it('remembers what was begun, newest first, through a reload and for who began it alone', async () => {
    await remember(2);
    const kept = readBegun(sessionStorage.getItem('artstore.operations'));
    expect(kept.map(({ id, login }) => [id, login])).toEqual([['op2', 'anna'], ['op1', 'anna']]);
    TestBed.inject(Session).begin(`a.${btoa('{"exp":99999999999,"login":"boris"}')}.b`);
    expect(TestBed.inject(Begun).list()).toEqual([]);
  });

  it('forgets the names when the person leaves, and remembers no more than it should', async () => {
    await remember(REMEMBERED_MAX + 1);
    expect(TestBed.inject(Begun).list().length).toBe(REMEMBERED_MAX);
    TestBed.inject(Begun).forget();
    expect([TestBed.inject(Begun).list(), sessionStorage.getItem('artstore.operations')]).toEqual([[], '[]']);
  });

  it('takes nothing that was not remembered by it', () => {
    for (const text of [null, '', 'x', '{}', '[null, 1, {"id": 1, "name": "n", "login": "l"}]']) expect(readBegun(text)).toEqual([]);
  });

  it('asks where each stands until it has ended', async () => {
    let state = 'running';
    archive.on('/op1', () => Response.json(operation({ operation_id: 'op1', state })));
    await remember(1);
    const page = show(OperationsPage);
    await page.until(() => expect(page.said('operation-state')).toBe('running'));
    state = 'failed';
    await page.until(() => expect([page.said('operation-state'), page.all('operation-state')[0]?.dataset['tone']]).toEqual(['failed', 'bad']));
    const asked = archive.asked.filter((one) => one.endsWith('/op1')).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(archive.asked.filter((one) => one.endsWith('/op1')).length).toBe(asked);
  });

  it('finds the identifier in whatever was pasted, and says how one looks when there is none', async () => {
    expect([operationIn(` ${ID.toUpperCase()}\n`), operationIn(`http://host/operations/${ID}?x`), operationIn('op 7')]).toEqual([ID, ID, null]);
    const page = show(OperationsPage);
    const gone = vi.spyOn(TestBed.inject(Router), 'navigate').mockResolvedValue(true);
    const open = (text: string) => {
      const field = page.element.querySelector<HTMLInputElement>('#wanted')!;
      field.value = text;
      field.dispatchEvent(new Event('input'));
      page.element.querySelector('form')?.dispatchEvent(new Event('submit'));
    };
    open('something');
    await page.until(() => expect(page.said('wanted-help')).toContain('There is no identifier here'));
    open(`see ${ID}`);
    await page.until(() => expect(gone).toHaveBeenCalledWith(['/operations', ID]));
    expect(gone).toHaveBeenCalledTimes(1);
  });

  it('shows the steps of one as they go, and the document only once it is there', async () => {
    let told = operation({ steps: [{ name: 'content', state: 'done', at: '2026-11-24T10:00:00Z' }, { name: 'text', state: 'running', at: '2026-11-24T10:00:01Z' }] });
    archive.on(`/${ID}`, () => Response.json(told));
    const page = show(OperationPage, { operation_id: ID });
    const tones = () => [...page.element.querySelectorAll<HTMLElement>('.trail li')].map((step) => step.dataset['tone']);
    await page.until(() => expect(tones()).toEqual(['good', 'busy']));
    expect(page.all('operation-document')).toEqual([]);
    told = operation({ state: 'succeeded', finished_at: '2026-11-24T10:00:02Z' });
    await page.until(() => expect(page.all('operation')[0]?.dataset['state']).toBe('succeeded'));
    expect(page.all('operation-document')[0]?.getAttribute('href')).toBe('/documents/d1');
  });

  it('shows why one has failed', async () => {
    archive.on(`/${ID}`, operation({ state: 'failed', problem: AWAY }));
    const page = show(OperationPage, { operation_id: ID });
    await page.until(() => expect(page.said('trace')).toBe('trace-1'));
    expect(page.all('operation-document')).toEqual([]);
  });

  it('keeps asking while a part is away, and stops at what does not exist', async () => {
    archive.refuse(`/${ID}`, AWAY);
    const page = show(OperationPage, { operation_id: ID });
    await page.until(() => expect(page.all('problem').length).toBe(1));
    archive.on(`/${ID}`, operation());
    await page.until(() => expect([page.all('problem').length, page.all('operation').length]).toEqual([0, 1]));
    page.set({ operation_id: 'none' });
    await page.until(() => expect(page.all('problem')[0]?.dataset['code']).toBe('not_found'));
    expect(page.all('operation')).toEqual([]);
  });
});
