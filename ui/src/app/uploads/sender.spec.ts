import { TestBed } from '@angular/core/testing';
import { Reach } from '../api/reach';
import { ArchiveDouble, testing } from '../testing/page';
import type { Place } from './parcel';
import { SEND } from './sender';

/** A request whose end the test decides. */
class RequestDouble {
  static made: RequestDouble[] = [];
  readonly upload: { onprogress?: (event: { loaded: number }) => void } = {};
  readonly sent: unknown[] = [];
  status = 0;
  responseText = '';
  onload = () => undefined;
  onerror = () => undefined;
  onabort = () => undefined;

  constructor() {
    RequestDouble.made.push(this);
  }

  open = (...how: unknown[]) => this.sent.push(...how);
  setRequestHeader = (...header: unknown[]) => this.sent.push(...header);
  send = (body: unknown) => this.sent.push(body);
  abort = () => this.onabort();

  answer(status: number, text: string): void {
    Object.assign(this, { status, responseText: text });
    this.onload();
  }
}

const URL_OF_AGENT = 'http://127.0.0.1:9/x';
const TICKETED = { operation_id: 'o', document_id: 'd', version: 1, element_id: 'e', upload_url: URL_OF_AGENT, ticket: 't', expires_at: '' };

/** A small file is sent in one piece: what the agent has of it is not asked for. */
const NOWHERE: Place = { url: () => undefined, found: () => undefined, begins: () => undefined };

describe('sending a file', () => {
  let told: number[];
  let rein: AbortController;
  // The blobs of the tests' browser cannot be read.
  const body = Object.assign(new Blob(['abc']), { slice: () => ({ arrayBuffer: async () => new ArrayBuffer(1) }) as Blob });
  const begin = () => {
    const done = TestBed.inject(SEND)({ ticketed: TICKETED, body, place: NOWHERE, tell: (sent) => told.push(sent), signal: rein.signal });
    return { done, request: RequestDouble.made.at(-1)! };
  };

  beforeEach(() => {
    [told, rein, RequestDouble.made] = [[], new AbortController(), []];
    vi.stubGlobal('XMLHttpRequest', RequestDouble);
    testing(new ArchiveDouble());
  });

  afterEach(() => vi.unstubAllGlobals());

  it('puts the bytes at the address of the ticket and tells how many have gone', async () => {
    const { done, request } = begin();
    request.upload.onprogress?.({ loaded: 2 });
    request.answer(200, '{}');
    await done;
    expect([request.sent, told]).toEqual([['PUT', URL_OF_AGENT, 'Authorization', 'Bearer t', body], [2]]);
  });

  it('tells the problem of a refusal, and one of its own for an answer that is none', async () => {
    const refused = begin();
    refused.request.answer(415, '{"code":"type_refused","detail":"no","status":415}');
    await expect(refused.done).rejects.toMatchObject({ code: 'type_refused' });
    const broken = begin();
    broken.request.answer(502, '<html>');
    await expect(broken.done).rejects.toMatchObject({ code: 'unreadable_answer', mayPass: true });
  });

  it('stops when it is told to', async () => {
    const { done } = begin();
    rein.abort();
    await expect(done).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('tells a network that is away from an element that the page is too old for', async () => {
    const away = begin();
    away.request.onerror();
    await expect(away.done).rejects.toMatchObject({ code: 'unreachable', mayPass: true });
    TestBed.inject(Reach);
    const refused = Object.assign(new Event('securitypolicyviolation'), { effectiveDirective: 'connect-src', blockedURI: URL_OF_AGENT });
    const old = begin();
    old.request.onerror();
    document.dispatchEvent(refused);
    await expect(old.done).rejects.toMatchObject({ code: 'new_element', mayPass: false });
  });
});
