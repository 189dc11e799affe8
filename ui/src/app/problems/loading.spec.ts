import { local } from '../api/problem';
import { Loading } from './loading';

describe('what a page asks for', () => {
  it('is there, or the problem is, and then it is not on its way any more', async () => {
    const loading = new Loading<number>();
    await loading.load(async () => 1);
    expect([loading.value(), loading.problem(), loading.isOn()]).toEqual([1, undefined, false]);
    await loading.load(() => Promise.reject(local('busy', 'Busy', 'Later.')));
    expect([loading.value(), loading.problem()?.code, loading.isOn()]).toEqual([1, 'busy', false]);
  });

  it('is the newest answer: an older question is cancelled, and its late answer not shown', async () => {
    const loading = new Loading<string>();
    let late: (value: string) => void = () => undefined;
    const signals: AbortSignal[] = [];
    const first = loading.load((signal) => (signals.push(signal), new Promise((resolve) => (late = resolve))));
    await loading.load(async () => 'new');
    late('old');
    await first;
    expect([loading.value(), signals[0]?.aborted]).toEqual(['new', true]);
  });

  it('does not hide a mistake of ours behind a problem', async () => {
    await expect(new Loading().load(() => Promise.reject(new RangeError('ours')))).rejects.toThrow('ours');
  });
});
