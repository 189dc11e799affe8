import { provideZonelessChangeDetection, type EnvironmentProviders, type Provider } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { FETCH } from '../api/archive';
import { local, unreachable } from '../api/problem';
import { Session } from '../session/session';
import { REST } from './courier';
import type { Parcel } from './parcel';
import { SEND } from './sender';
import type { Stage } from './upload';
import { Uploads } from './uploads';

const DONE = { operation_id: 'op', kind: 'upload', state: 'succeeded', step: 'done', document_id: 'doc', started_at: '', steps: [] };
const REFUSED = { type: 't', title: 'Refused', status: 415, detail: 'no', code: 'type_refused' };

/** An archive that answers what it is given: announcements are counted, streams are taken one after the other. */
class Double {
  readonly keys: string[] = [];
  readonly streams: (string | Error)[] = [];
  readonly parcels: Parcel[] = [];
  announceStatus = 201;
  send: (parcel: Parcel) => Promise<void> = async () => undefined;

  readonly fetch = async (request: Request): Promise<Response> => {
    if (request.method === 'POST') {
      this.keys.push(request.headers.get('idempotency-key') ?? '');
      const body = this.announceStatus === 201 ? ticketed(this.keys.length) : { ...REFUSED, code: 'unauthenticated', status: 401 };
      return Response.json(body, { status: this.announceStatus });
    }
    const stream = this.streams.shift() ?? told(DONE);
    if (stream instanceof Error) throw stream;
    return new Response(stream);
  };
}

const ticketed = (number: number) => ({ operation_id: `op${number}`, document_id: 'doc', upload_url: 'http://agent/', ticket: 't' });
const told = (operation: object) => `data: ${JSON.stringify(operation)}\n\n`;

/** The files of the tests' browser cannot be read in pieces. */
function file(name = 'a.txt'): File {
  const slice = () => ({ arrayBuffer: async () => new TextEncoder().encode('abc').buffer });
  return { name, size: 3, type: 'text/plain', lastModified: 7, slice } as unknown as File;
}

/** Who is signed in, and what a closed tab of theirs has left. */
const TOKEN = `a.${btoa('{"exp":99999999999,"login":"maria"}')}.b`;
const LEFT = { key: 'left', login: 'maria', name: 'a.txt', size: 3, type: 'text/plain', modified: 7, digest: 'd', url: 'http://agent/uploads/u' };

/** A request of tus that is only noted. */
class Noted {
  static readonly asked: string[] = [];
  readonly upload = {};
  readonly status = 204;
  onload = () => undefined;
  open = (method: string, url: string) => Noted.asked.push(`${method} ${url}`);
  setRequestHeader = () => undefined;
  send = () => setTimeout(() => this.onload());
}

describe('the queue of uploads', () => {
  let double: Double;
  let uploads: Uploads;
  let providers: (Provider | EnvironmentProviders)[];

  beforeEach(() => {
    double = new Double();
    const send = (parcel: Parcel) => (double.parcels.push(parcel), double.send(parcel));
    providers = [
      provideZonelessChangeDetection(),
      { provide: FETCH, useValue: double.fetch },
      { provide: SEND, useValue: send },
      { provide: REST, useValue: () => Promise.resolve() },
    ];
    TestBed.configureTestingModule({ providers });
    localStorage.clear();
    uploads = TestBed.inject(Uploads);
  });

  /** Open a tab after one was closed amid an upload. */
  const reopened = () => {
    localStorage.setItem('artstore.uploads', JSON.stringify([{ ...LEFT, since: Date.now() }]));
    TestBed.resetTestingModule().configureTestingModule({ providers });
    TestBed.inject(Session).begin(TOKEN);
    uploads = TestBed.inject(Uploads);
    TestBed.tick();
  };
  const remembered = () => JSON.parse(localStorage.getItem('artstore.uploads') ?? '[]').length as number;

  const stages = () => uploads.list().map((upload) => upload.stage);
  const until = (...wanted: Stage[]) => vi.waitFor(() => expect(stages()).toEqual(wanted));

  it('brings a file in and tells when it is found', async () => {
    uploads.add([file()]);
    await until('found');
    expect(uploads.list()[0]).toMatchObject({ operationId: 'op1', documentId: 'doc', problem: undefined });
    expect(double.parcels[0]?.ticketed.ticket).toBe('t');
  });

  it('sends two at a time, and the next when one is stored', async () => {
    const open: (() => void)[] = [];
    double.send = () => new Promise((resolve) => open.push(resolve));
    uploads.add([file('1'), file('2'), file('3')]);
    await until('sending', 'sending', 'waiting');
    open[0]?.();
    await until('found', 'sending', 'sending');
  });

  it('stops a paused file, says nothing more of it, and sends it again with the same ticket', async () => {
    double.send = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('x', 'AbortError'))));
    uploads.add([file()]);
    await until('sending');
    uploads.pause(uploads.list()[0]!.id);
    await until('paused');
    double.send = async () => undefined;
    uploads.resume(uploads.list()[0]!.id);
    await until('found');
    expect([double.keys.length, double.parcels.length]).toEqual([1, 2]);
  });

  it('tries again by itself while nobody answers, and says so', async () => {
    let tries = 0;
    let saidSo = false;
    double.send = async () => {
      saidSo = uploads.list()[0]?.lost ?? false;
      if (++tries < 3) throw unreachable();
    };
    uploads.add([file()]);
    await until('found');
    expect(saidSo).toBe(true);
    expect([tries, double.keys.length]).toEqual([3, 1]);
  });

  it('shows a refusal, and begins anew with another request when told to', async () => {
    double.send = async () => {
      throw local('type_refused', 'Refused', 'no');
    };
    uploads.add([file()]);
    await until('failed');
    expect(uploads.list()[0]?.problem?.code).toBe('type_refused');
    expect([uploads.failed(), uploads.found(), uploads.over()]).toEqual([1, 0, 1]);
    double.send = async () => undefined;
    uploads.retry(uploads.list()[0]!.id);
    await until('found');
    expect(new Set(double.keys).size).toBe(2);
  });

  it('follows an operation through streams that end or break', async () => {
    double.streams.push(told({ ...DONE, state: 'running', step: 'text' }), new TypeError('network'), told(DONE));
    uploads.add([file()]);
    await until('found');
  });

  it('waits for who must sign in, and goes on afterwards', async () => {
    double.announceStatus = 401;
    uploads.add([file()]);
    await vi.waitFor(() => expect(double.keys.length).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve));
    // The archive has answered: that nobody does would be untrue.
    expect(uploads.list()[0]).toMatchObject({ stage: 'announcing', lost: false });
    double.announceStatus = 201;
    TestBed.inject(Session).begin(`a.${btoa('{"exp":99999999999}')}.b`);
    TestBed.tick();
    await until('found');
  });

  it('renews a ticket that the agent no longer takes, and goes on with the same upload', async () => {
    let tries = 0;
    double.send = async ({ place }) => {
      place.found('http://agent/uploads/u');
      if (++tries === 1) throw local('invalid_ticket', 'Expired', 'no');
    };
    uploads.add([file()]);
    await until('found');
    expect([new Set(double.keys).size, double.keys.length]).toEqual([1, 2]);
    expect(double.parcels.map(({ ticketed, place }) => [ticketed.operation_id, place.url()])).toEqual([
      ['op1', 'http://agent/uploads/u'],
      ['op2', 'http://agent/uploads/u'],
    ]);
  });

  it('fails when a renewed ticket is refused as well', async () => {
    double.send = async () => {
      throw local('invalid_ticket', 'Expired', 'no');
    };
    uploads.add([file()]);
    await until('failed');
    expect(double.keys.length).toBe(2);
  });

  it('shows what a closed tab has left, and goes on with it when the same file is chosen', async () => {
    reopened();
    expect(stages()).toEqual(['interrupted']);
    uploads.add([file()]);
    await until('found');
    expect([double.keys, double.parcels[0]?.place.url(), remembered()]).toEqual([['left'], LEFT.url, 0]);
  });

  it('takes another file for a new one, and still waits for the one that was left', async () => {
    reopened();
    uploads.add([file('b.txt')]);
    await until('interrupted', 'found');
    expect([double.keys.includes('left'), remembered()]).toEqual([false, 1]);
  });

  it('remembers what is being sent until it is stored', async () => {
    TestBed.inject(Session).begin(TOKEN);
    const seen: unknown[] = [];
    double.send = async ({ place }) => {
      place.found('http://agent/uploads/u');
      place.begins(2);
      seen.push(remembered(), uploads.list()[0]);
    };
    uploads.add([file()]);
    await until('found');
    expect([seen, remembered()]).toEqual([[1, expect.objectContaining({ done: 2, from: 2 })], 0]);
  });

  it('tells the agent when what was left is given up', async () => {
    vi.stubGlobal('XMLHttpRequest', Noted);
    reopened();
    uploads.remove('left');
    expect([stages(), remembered()]).toEqual([[], 0]);
    await vi.waitFor(() => expect(Noted.asked).toEqual([`DELETE ${LEFT.url}`]));
    expect(double.keys).toEqual(['left']);
    vi.unstubAllGlobals();
  });

  it('lets go of what is over, and not of what is under way', async () => {
    uploads.add([file()]);
    const id = uploads.list()[0]!.id;
    uploads.remove(id);
    expect(uploads.list().length).toBe(1);
    await until('found');
    uploads.clear();
    expect(uploads.list()).toEqual([]);
  });
});
