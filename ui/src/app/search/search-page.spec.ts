import { TestBed } from '@angular/core/testing';
import { Router } from '@angular/router';
import { AWAY, ArchiveDouble, show, testing, type Shown } from '../testing/page';
import { SearchPage } from './search-page';

const hit = (number: number, more = {}) => ({ document_id: `d${number}`, version: 1, filename: `${number}.txt`, title: `Title ${number}`, snippet: 'the **word**', rank: 1, ...more });

describe('the page of searching', () => {
  let archive: ArchiveDouble;
  let page: Shown<SearchPage>;
  let addresses: (string | null)[];

  const field = () => page.element.querySelector<HTMLInputElement>('#words')!;
  const type = (words: string) => {
    field().value = words;
    field().dispatchEvent(new Event('input'));
  };
  const words = () => archive.asked.map((one) => new URL(one.split(' ')[1]!, 'http://a').searchParams.get('q'));

  beforeEach(() => {
    archive = new ArchiveDouble().on('/search', { items: [hit(1)], next_cursor: null });
    testing(archive);
    addresses = [];
    // What stands in the address comes back as the input `q`, as the router brings it.
    vi.spyOn(TestBed.inject(Router), 'navigate').mockImplementation(async (_commands, extras) => {
      const q = (extras?.queryParams?.['q'] ?? null) as string | null;
      addresses.push(q);
      page.set({ q: q ?? undefined });
      return true;
    });
    page = show(SearchPage);
  });

  it('says what can be searched before anything is typed, and asks for nothing', async () => {
    await page.fixture.whenStable();
    expect([page.text.includes('The search covers titles'), archive.asked]).toEqual([true, []]);
  });

  it('asks once for what is typed without a pause', async () => {
    vi.useFakeTimers();
    try {
      for (const typed of ['r', 'ru', 'рукописи']) {
        type(typed);
        vi.advanceTimersByTime(150);
      }
      expect(addresses).toEqual([]);
      vi.advanceTimersByTime(60);
      expect(addresses).toEqual(['рукописи']);
    } finally {
      vi.useRealTimers();
    }
    await page.until(() => expect(page.element.querySelector('mark')?.textContent).toBe('word'));
    expect(words()).toEqual(['рукописи']);
  });

  it('does not wait for the pause after Enter', async () => {
    field().value = 'now';
    page.element.querySelector('form')?.dispatchEvent(new Event('submit'));
    await page.until(() => expect(page.all('hits').length).toBe(1));
    expect(addresses).toEqual(['now']);
  });

  it('goes on with the cursor, below what is there', async () => {
    archive.on('/search', ({ url }: Request) => Response.json(url.includes('cursor=c') ? { items: [hit(2)], next_cursor: null } : { items: [hit(1)], next_cursor: 'c' }));
    page.set({ q: 'word' });
    await page.until(() => page.click('Show more'));
    await page.until(() => expect([...page.element.querySelectorAll('[data-row]')].map((row) => row.textContent)).toEqual(['Title 1', 'Title 2']));
    expect(page.all('more')).toEqual([]);
  });

  it('tells what was not found, and what to try', async () => {
    archive.on('/search', { items: [], next_cursor: null });
    page.set({ q: 'nothing' });
    await page.until(() => expect(page.said('nothing')).toContain('Nothing found for “nothing”'));
    expect(page.said('nothing')).toContain('fewer words');
  });

  it('shows a problem and no hits of other words under it', async () => {
    page.set({ q: 'one' });
    await page.until(() => expect(page.all('hits').length).toBe(1));
    archive.refuse('/search', AWAY);
    page.set({ q: 'other' });
    await page.until(() => expect(page.said('trace')).toBe('trace-1'));
    expect(page.all('hits')).toEqual([]);
    page.set({ q: undefined });
    await page.until(() => expect(page.all('problem')).toEqual([]));
  });

  it('shows the name of a file only where the title is another', async () => {
    archive.on('/search', { items: [hit(1), hit(2, { title: '' }), hit(3, { title: '3.txt' })], next_cursor: null });
    page.set({ q: 'x' });
    await page.until(() => expect(page.all('hit-name').map((one) => one.textContent)).toEqual(['1.txt']));
  });

  it('leads from the field down into the hits', async () => {
    const main = window.document.createElement('main');
    window.document.body.append(main);
    main.append(page.element);
    page.set({ q: 'x' });
    await page.until(() => expect(page.all('hits').length).toBe(1));
    field().dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown' }));
    expect(window.document.activeElement?.textContent).toBe('Title 1');
    main.remove();
  });
});
