import { asProblem, isCancelled, problemOf, unreachable, Problem } from './problem';

const BODY = { type: 't', title: 'Busy', status: 503, detail: 'Later.', code: 'busy' };

describe('a problem', () => {
  it('is read out of an answer that tells one', () => {
    expect(problemOf(BODY, 503).body).toEqual(BODY);
  });

  it('is made of the status when the answer tells none', () => {
    for (const body of [null, 'text', 5, { code: 1, detail: 'x' }, {}]) {
      expect(problemOf(body, 502).code).toBe('unreadable_answer');
    }
  });

  it('may pass when nobody answered or a part is away, and not when a rule refused', () => {
    expect(unreachable().mayPass).toBe(true);
    expect(new Problem(BODY).mayPass).toBe(true);
    expect([502, 504, 500].map((status) => problemOf('<html>', status).mayPass)).toEqual([true, true, false]);
    expect(new Problem({ ...BODY, status: 409 }).mayPass).toBe(false);
  });

  it('is what a browser throws for a network that is away, and no more than that', () => {
    expect(asProblem(new TypeError('Failed to fetch')).code).toBe('unreachable');
    const abort = new DOMException('left', 'AbortError');
    expect(isCancelled(abort)).toBe(true);
    expect(() => asProblem(abort)).toThrow();
  });
});
