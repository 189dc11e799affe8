import type { Damage } from '../api/archive';
import { AWAY, ArchiveDouble, show, testing } from '../testing/page';
import { DamagesPage } from './damages-page';

const damage = (number: number, more: Partial<Damage> = {}): Damage => ({
  document_id: `d${number}`, version: 1, filename: `${number}.txt`, title: `Document ${number}`, element_id: 'e1', element_name: 'hot',
  part: 'body', reason: 'digest', found_by: 'scrub', found_at: '2026-11-24T10:00:00Z', quarantined: [], ...more,
});

describe('the page of damaged documents', () => {
  let archive: ArchiveDouble;

  beforeEach(() => testing((archive = new ArchiveDouble())));

  it('names each, says what is wrong with it and where, and leads to it', async () => {
    archive.on('/damages', { items: [damage(1), damage(2, { title: null, part: 'attributes', reason: 'seal' })], next_cursor: null });
    const page = show(DamagesPage);
    await page.until(() => expect(page.all('damage-row').map((one) => [one.textContent, one.getAttribute('href')])).toEqual([['Document 1', '/documents/d1'], ['2.txt', '/documents/d2']]));
    expect(page.all('damage-row-what').map((one) => one.textContent)).toEqual(['Content: the bytes are not those that were stored.', 'Attribute file: the seal is broken.']);
    expect(page.text).toContain('hot');
  });

  it('calls what no view knows by its identifiers, and a reason of a later release as it came', async () => {
    archive.on('/damages', { items: [damage(1, { title: null, filename: null, element_name: null, reason: 'magnetised' })], next_cursor: null });
    const page = show(DamagesPage);
    await page.until(() => expect(page.said('damage-row')).toBe('d1'));
    expect(page.said('damage-row-what')).toBe('Content: magnetised.');
    expect(page.text).toContain('e1');
  });

  it('shows the next page under the first', async () => {
    archive.on('/damages', ({ url }: Request) => Response.json(url.includes('cursor=2') ? { items: [damage(2)], next_cursor: null } : { items: [damage(1)], next_cursor: '2' }));
    const page = show(DamagesPage);
    await page.until(() => page.click('Show more'));
    await page.until(() => expect(page.all('damage-row').length).toBe(2));
    expect(page.all('more')).toEqual([]);
  });

  it('says when none is known', async () => {
    archive.on('/damages', { items: [], next_cursor: null });
    const page = show(DamagesPage);
    await page.until(() => expect(page.said('no-damages')).toContain('No document is known to be damaged'));
  });

  it('takes no silence for health', async () => {
    archive.refuse('/damages', AWAY);
    const page = show(DamagesPage);
    await page.until(() => expect(page.said('trace')).toBe('trace-1'));
    expect(page.all('no-damages')).toEqual([]);
  });
});
