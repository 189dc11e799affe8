import { AWAY, ArchiveDouble, show, testing } from '../testing/page';
import { ElementsPage } from './elements-page';

const element = (more = {}) => ({
  element_id: 'e1', name: 'hot', mode: 'edit', mode_epoch: 1, state: 'online', capacity: { total: 4e12, used: 1e12, free: 1e12 },
  last_seen_at: '2026-11-24T10:00:00Z', url: null, damaged: 0, scrub: null, last_pass: null, ...more,
});

describe('the page of storage elements', () => {
  let archive: ArchiveDouble;

  beforeEach(() => testing((archive = new ArchiveDouble())));

  it('tells of each whether it is there, what it may do, and how full it is', async () => {
    archive.on('/elements', { items: [element(), element({ element_id: 'e2', mode: 'ro', state: 'offline', capacity: null, last_seen_at: null })], next_cursor: null });
    const page = show(ElementsPage);
    await page.until(() => expect(page.all('element').length).toBe(2));
    expect(page.all('element-state').map((one) => [one.textContent, one.dataset['tone']])).toEqual([['online', 'good'], ['offline', 'bad']]);
    expect(page.all('room').map((one) => one.textContent)).toEqual(['1 TB free of 4 TB, 75% used', 'Space: not reported yet']);
    expect(page.all('seen')[1]?.textContent).toBe('No contact yet');
    expect(page.text).toContain('ro: reading only');
  });

  it('tells of each what is damaged, how far it is with checking, and when all was checked', async () => {
    const scrub = { pass_number: 2, share: 0.258, documents: 7, finished_at: null };
    const last_pass = { pass_number: 1, started_at: '2026-11-24T09:00:00Z', finished_at: '2026-11-24T10:00:00Z', documents: 41, bytes: 1000, damaged: 1 };
    const done = { ...scrub, share: 1 };
    archive.on('/elements', { items: [element({ damaged: 2, scrub, last_pass }), element({ element_id: 'e2', damaged: null, scrub: done })], next_cursor: null });
    const page = show(ElementsPage);
    await page.until(() => expect(page.all('element').length).toBe(2));
    expect(page.all('element-damaged').map((one) => [one.textContent, one.getAttribute('href')])).toEqual([['Damaged documents: 2', '/damages']]);
    expect(page.all('scrub').map((one) => one.textContent)).toEqual(['Checking all documents: 25%, 7 so far']);
    expect(page.all('last-pass')[0]?.textContent).toMatch(/^Last checked: Nov 24, 2026.*\. Documents: 41 \(1 kB\), damaged: 1$/);
    expect(page.all('last-pass')[1]?.textContent).toBe('Not all documents have been checked yet');
    expect(page.all('to-damages')[0]?.getAttribute('href')).toBe('/damages');
  });

  it('says when there are none', async () => {
    archive.on('/elements', { items: [], next_cursor: null });
    const page = show(ElementsPage);
    await page.until(() => expect(page.said('no-elements')).toContain('There are no storage elements yet'));
  });

  it('keeps what it knew beside a problem, and tells anew without being asked', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      archive.on('/elements', { items: [element()], next_cursor: null });
      const page = show(ElementsPage);
      await page.until(() => expect(page.all('element').length).toBe(1));
      archive.refuse('/elements', AWAY);
      vi.advanceTimersByTime(5000);
      await page.until(() => expect(page.said('trace')).toBe('trace-1'));
      expect(page.all('element').length).toBe(1);
      archive.on('/elements', { items: [element({ name: 'cold' })], next_cursor: null });
      vi.advanceTimersByTime(5000);
      await page.until(() => expect([page.all('problem').length, page.text.includes('cold')]).toEqual([0, true]));
      page.fixture.destroy();
      const asked = archive.asked.length;
      vi.advanceTimersByTime(60_000);
      expect(archive.asked.length).toBe(asked);
    } finally {
      vi.useRealTimers();
    }
  });
});
