import { TestBed } from '@angular/core/testing';
import { Arrival } from '../arrival';
import { DAMAGED, document } from '../testing/documents';
import { AWAY, ArchiveDouble, CLOSED, show, testing } from '../testing/page';
import { DocumentPage, SAVE } from './document-page';

const EVENT = {
  topic: 't', partition: 0, offset: 1, event_id: 'e', type: 'artstore.DocumentCommitted', aggregate_type: 'document', aggregate_id: 'd1', aggregate_version: 1,
  occurred_at: '2026-11-24T10:00:00Z', correlation_id: 'op', causation_id: 'op', actor: { subject: 's', login: 'anna', full_name: 'Anna' }, payload: {},
};

describe('the page of a document', () => {
  let archive: ArchiveDouble;
  let saved: string[];

  beforeEach(() => {
    saved = [];
    archive = new ArchiveDouble()
      .on('/documents/d1', document(1, { tags: ['фонд 7'], custom: { done: true, sheets: 1911 }, retention: { class: 'years-5', until: '2031-11-24T10:00:00Z' } }))
      .on('/events', { items: [EVENT], next_cursor: null })
      .on('/elements', { items: [{ element_id: 'e1', name: 'hot' }], next_cursor: null });
    testing(archive, { provide: SAVE, useValue: (address: string) => saved.push(address) });
  });

  it('has a heading before there is anything to show, and then the title, in the tab too', async () => {
    const page = show(DocumentPage, { document_id: 'd1' });
    expect(page.element.querySelector('h1')?.textContent).toBe('Document');
    await page.until(() => expect(page.said('title')).toBe('Document 1'));
    expect(TestBed.inject(Arrival).own()).toBe('Document 1');
    page.fixture.destroy();
    expect(TestBed.inject(Arrival).own()).toBeUndefined();
  });

  it('tells the attributes in words: the element by its name, yes and no, how long it is kept', async () => {
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('element')).toContain('hot'));
    expect(page.all('custom').map((one) => one.textContent)).toEqual(['yes', '1911']);
    expect(page.said('kept')).toBe('until Nov 24, 2031 (5 years)');
    expect(page.element.querySelector('a.tag')?.getAttribute('href')).toBe(`/search?q=${encodeURIComponent('фонд 7')}`);
    expect(page.all('updated')).toEqual([]);
  });

  it('calls the element by its identifier while nobody tells its name', async () => {
    archive.refuse('/elements', AWAY);
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('element')).toContain('e1'));
    expect(page.all('problem')).toEqual([]);
  });

  it('shows what to do and the trace id when it is not there, and offers no download', async () => {
    archive.refuse('/documents/d1', AWAY);
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('trace')).toBe('trace-1'));
    expect(page.all('download')).toEqual([]);
    archive.on('/documents/d1', document(1));
    page.click('Try again');
    await page.until(() => expect(page.said('title')).toBe('Document 1'));
  });

  it('does not offer to try again what does not exist', async () => {
    const page = show(DocumentPage, { document_id: 'no' });
    await page.until(() => expect(page.all('problem')[0]?.dataset['code']).toBe('not_found'));
    expect(page.buttons).not.toContain('Try again');
  });

  it('lets the browser save from the address that the archive leads to, and tells when there is none', async () => {
    archive.on('/content', () => Object.defineProperty(new Response(), 'url', { value: 'http://agent/x?ticket=t' }));
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => page.click('Download'));
    await page.until(() => expect(saved).toEqual(['http://agent/x?ticket=t']));
    archive.on('/content', () => new Response(null, { status: 503 }));
    page.click('Download');
    await page.until(() => expect(page.all('problem').length).toBe(1));
    expect(saved.length).toBe(1);
  });

  it('says of a damaged document what is wrong, since when and what to do, and offers no download', async () => {
    archive.on('/documents/d1', document(1, { integrity: DAMAGED }));
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('damage-what')).toBe('Content: the bytes are not those that were stored.'));
    expect(page.said('damage-since')).toMatch(/^Found on Nov 24, 2026.* by the regular check\.$/);
    expect(page.said('quarantined')).toBe('d1.v1.1.txt');
    expect(page.said('damage')).toContain('Put an undamaged copy of the file back');
    const button = page.all('download')[0] as HTMLButtonElement;
    expect([button.disabled, button.title]).toEqual([true, 'A damaged document cannot be downloaded.']);
    expect(page.element.querySelector(`#${button.getAttribute('aria-describedby')}`)?.textContent).toContain('damaged');
  });

  it('says nothing of damage while a document is whole', async () => {
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('title')).toBe('Document 1'));
    expect(page.all('damage')).toEqual([]);
    expect((page.all('download')[0] as HTMLButtonElement).disabled).toBe(false);
  });

  it('has the element look again when asked to, and tells as soon as the document is whole', async () => {
    archive.on('/documents/d1', document(1, { integrity: DAMAGED })).on('/content', () => new Response(null, { status: 500 }));
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.all('damage').length).toBe(1));
    await page.until(() => expect(page.all('happening').length).toBe(1));
    archive.on('/documents/d1', document(1)).on('/events', { items: [EVENT, { ...EVENT, event_id: 'f' }], next_cursor: null });
    page.click('Look again');
    await page.until(() => expect([page.all('damage').length, page.all('happening').length]).toEqual([0, 2]));
    expect(archive.asked).toContain('HEAD /api/v1/documents/d1/content');
    expect(page.all('problem')).toEqual([]);
  });

  it('asks from time to time whether a damaged document is whole, and not about one that is', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      archive.on('/documents/d1', document(1, { integrity: DAMAGED }));
      const page = show(DocumentPage, { document_id: 'd1' });
      await page.until(() => expect(page.all('damage').length).toBe(1));
      archive.on('/documents/d1', document(1));
      vi.advanceTimersByTime(5000);
      await page.until(() => expect(page.all('damage')).toEqual([]));
      const asked = archive.asked.length;
      vi.advanceTimersByTime(60_000);
      expect(archive.asked.length).toBe(asked);
    } finally {
      vi.useRealTimers();
    }
  });

  it('tells in the trail what was damaged and that it was mended, each with its cause and no operation behind it', async () => {
    const of = (event_id: string, type: string, causation_id: string | null, payload: object) => ({ ...EVENT, event_id, type, causation_id, correlation_id: 'x', aggregate_type: 'fixity', payload });
    const damaged = of('x', 'artstore.DocumentDamaged', null, { part: 'body', reason: 'missing' });
    const mended = of('y', 'artstore.DocumentMended', 'x', {});
    archive.on('/events', { items: [damaged, mended], next_cursor: null });
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.all('happening').map((one) => one.textContent)).toEqual(['Damage found. Content: the file is gone.', 'Damage mended: the document is whole again']));
    expect(page.all('cause').map((one) => one.textContent?.trim().replace(/\s+/g, ' '))).toEqual(['Cause: the document was damaged']);
    expect(page.all('cause')[0]?.querySelector('a')).toBeNull();
    expect(archive.asked.filter((one) => one.includes('correlation_id'))).toEqual([]);
    expect([...page.element.querySelectorAll<HTMLElement>('.trail li')].map((one) => one.dataset['tone'])).toEqual(['bad', 'good']);
  });

  it('tells each happening with who asked for it, and leads to the operation', async () => {
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('happening')).toBe('Document stored, attributes sealed'));
    expect(page.said('cause')).toBe('Cause: requested by \u2068Anna\u2069 at the gateway');
    expect(page.all('cause')[0]?.querySelector('a')?.getAttribute('href')).toBe('/operations/op');
  });

  it('reads a long trail to its end', async () => {
    const at = (number: number) => ({ ...EVENT, event_id: `e${number}`, correlation_id: 'op' });
    archive.on('/events', ({ url }: Request) => Response.json(url.includes('cursor=2') ? { items: [at(2)], next_cursor: null } : { items: [at(1)], next_cursor: '2' }));
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.all('happening').length).toBe(2));
    expect(page.all('trail-cut')).toEqual([]);
  });

  it('says when a trail is longer than what is shown', async () => {
    archive.on('/events', { items: [EVENT], next_cursor: 'on and on' });
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('trail-cut')).toContain('first 1 events'));
  });

  it('says calmly to whom the trail is not shown', async () => {
    archive.refuse('/events', CLOSED);
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => expect(page.said('trail-closed')).toContain('auditors'));
    expect(page.all('problem')).toEqual([]);
  });
});
