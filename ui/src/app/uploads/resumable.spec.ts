import { TestBed } from '@angular/core/testing';
import { Problem } from '../api/problem';
import { Reach } from '../api/reach';
import { ArchiveDouble, testing } from '../testing/page';
import type { Parcel } from './parcel';
import { RESUMABLE_ABOVE_BYTES, giveUp } from './resumable';
import { SEND } from './sender';

const AGENT = 'http://agent/documents/d/versions/1/';
const OPEN = `${AGENT}uploads/u`;
const SIZE = RESUMABLE_ABOVE_BYTES + 1;

/** An agent that keeps the part of tus that is needed here. What binds is the contract suite of the agent. */
class Agent {
  static now: Agent;
  readonly asked: string[] = [];
  offset = 0;
  /** Of each next PATCH: so many bytes arrive before the net is lost. */
  cuts: number[] = [];
  refuses?: { status: number; code: string };
  isKnown = true;

  answer(request: RequestDouble): void {
    const { method, headers, body } = request;
    this.asked.push(method === 'PATCH' ? `PATCH ${headers['Upload-Offset']}` : method);
    if (headers['Authorization'] !== 'Bearer t' || headers['Tus-Resumable'] !== '1.0.0') return request.end(401, {}, 'invalid_ticket');
    if (method === 'POST') return this.created(request);
    if (request.url !== OPEN || !this.isKnown) return request.end(404, {}, 'not_found');
    if (method === 'HEAD') return request.end(200, { 'Upload-Offset': this.offset, 'Upload-Length': SIZE });
    if (method === 'DELETE') return request.end(204, {});
    if (this.refuses !== undefined) return request.end(this.refuses.status, {}, this.refuses.code);
    if (Number(headers['Upload-Offset']) !== this.offset) return request.end(409, {}, 'wrong_offset');
    const cut = this.cuts.shift();
    this.offset += cut ?? body?.size ?? 0;
    if (cut !== undefined) return request.lose();
    request.upload.onprogress?.({ lengthComputable: true, loaded: body?.size ?? 0 });
    return request.end(204, { 'Upload-Offset': this.offset });
  }

  private created(request: RequestDouble): void {
    this.isKnown = true;
    request.end(201, { Location: '/documents/d/versions/1/uploads/u', 'Upload-Offset': this.offset });
  }
}

class RequestDouble {
  readonly upload: { onprogress?: (event: { lengthComputable: boolean; loaded: number }) => void } = {};
  readonly headers: Record<string, string> = {};
  private answered: Record<string, unknown> = {};
  method = '';
  url = '';
  body?: Blob;
  status = 0;
  responseText = '';
  onload = () => undefined;
  onerror = (_event: unknown): void => undefined;

  open = (method: string, url: string) => Object.assign(this, { method, url });
  setRequestHeader = (name: string, value: string) => (this.headers[name] = value);
  getResponseHeader = (name: string) => this.answered[name]?.toString() ?? null;
  abort = () => undefined;

  send(body?: Blob): void {
    this.body = body;
    setTimeout(() => Agent.now.answer(this));
  }

  end(status: number, headers: Record<string, unknown>, code?: string): void {
    this.responseText = code === undefined || this.method === 'HEAD' ? '' : JSON.stringify({ code, detail: 'no', status });
    Object.assign(this, { status, answered: headers });
    this.onload();
  }

  lose(): void {
    this.onerror(new Event('error'));
  }
}

/** A large file that takes no room. */
const BODY = Object.assign(new Blob(['abc']), { slice: (from = 0, to = SIZE) => sized(Math.min(to, SIZE) - from) });
Object.defineProperty(BODY, 'size', { value: SIZE });

function sized(size: number): Blob {
  const piece = Object.assign(new Blob(['abc']), { arrayBuffer: async () => new ArrayBuffer(1) });
  Object.defineProperty(piece, 'size', { value: size });
  return piece;
}

describe('sending a large file', () => {
  let agent: Agent;
  let told: number[];
  let began: number[];
  let url: string | undefined;
  let rein: AbortController;

  const send = (more: Partial<Parcel> = {}) => {
    const ticketed = { operation_id: 'o', document_id: 'd', version: 1, element_id: 'e', upload_url: `${AGENT}content`, ticket: 't', expires_at: '' };
    const place = { url: () => url, found: (found: string) => void (url = found), begins: (offset: number) => void began.push(offset) };
    return TestBed.inject(SEND)({ ticketed, body: BODY, place, tell: (sent) => told.push(sent), signal: rein.signal, ...more });
  };

  beforeEach(() => {
    [told, began, url, rein] = [[], [], undefined, new AbortController()];
    agent = Agent.now = new Agent();
    vi.stubGlobal('XMLHttpRequest', RequestDouble);
    testing(new ArchiveDouble());
  });

  afterEach(() => vi.unstubAllGlobals());

  it('makes an upload, sends all of it and says where it is', async () => {
    await send();
    expect([agent.asked, url, told.at(-1)]).toEqual([['POST', 'PATCH 0'], OPEN, SIZE]);
  });

  it('goes on where the net was lost, and says from where', async () => {
    agent.cuts = [6_000_000];
    await expect(send()).rejects.toMatchObject({ code: 'unreachable', mayPass: true });
    await send();
    expect([agent.asked, began]).toEqual([['POST', 'PATCH 0', 'HEAD', 'PATCH 6000000'], [6_000_000]]);
  });

  it('finds what was begun by the same ticket, even without its address', async () => {
    agent.offset = 5_000_000;
    await send();
    expect(agent.asked).toEqual(['POST', 'PATCH 0', 'HEAD', 'PATCH 5000000']);
  });

  it('sends nothing of what is committed already', async () => {
    [agent.offset, url] = [SIZE, OPEN];
    await send();
    expect([agent.asked, told.at(-1)]).toEqual([['HEAD'], SIZE]);
  });

  it('begins anew what the agent no longer knows', async () => {
    [agent.isKnown, url] = [false, OPEN];
    await send();
    expect(agent.asked).toEqual(['HEAD', 'POST', 'PATCH 0']);
  });

  it('tells the refusal of the agent as it was said', async () => {
    agent.refuses = { status: 423, code: 'upload_locked' };
    await expect(send()).rejects.toMatchObject({ code: 'upload_locked', mayPass: false });
    expect(agent.asked).toEqual(['POST', 'PATCH 0']);
  });

  it('asks for the place only so many times when the agent never agrees', async () => {
    agent.refuses = { status: 409, code: 'wrong_offset' };
    await expect(send()).rejects.toMatchObject({ code: 'wrong_offset' });
    expect(agent.asked.filter((asked) => asked.startsWith('PATCH')).length).toBe(3);
  });

  it('tells a file that can no longer be read from a net that is lost', async () => {
    agent.cuts = [0];
    const gone = Object.assign(sized(SIZE), { slice: () => Object.assign(sized(1), { arrayBuffer: () => Promise.reject(new DOMException('x', 'NotReadableError')) }) });
    await expect(send({ body: gone })).rejects.toMatchObject({ code: 'file_unreadable' });
  });

  it('stops when it is told to, and says nothing more', async () => {
    const sending = send();
    rein.abort();
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(agent.asked).toEqual([]);
  });

  it('gives up at the agent what nobody wants any more', async () => {
    const reach = TestBed.inject(Reach);
    await giveUp(OPEN, 't', reach);
    expect(agent.asked).toEqual(['DELETE']);
    await expect(giveUp(OPEN, 'other', reach)).rejects.toThrow(Problem);
  });
});
