import { DAMAGED, document } from '../testing/documents';
import { AWAY, ArchiveDouble, show, testing } from '../testing/page';
import { DocumentsPage } from './documents-page';

const page = (from: number, count: number, next_cursor: string | null) => ({
  items: Array.from({ length: count }, (_, at) => document(from + at)),
  next_cursor,
});

describe('the list of documents', () => {
  let archive: ArchiveDouble;
  const rows = (shown: { element: HTMLElement }) => [...shown.element.querySelectorAll<HTMLElement>('[data-row]')];
  const scrolledTo = (shown: { element: HTMLElement }, top: number) => {
    const box = shown.element.querySelector<HTMLElement>('.rows')!;
    Object.defineProperty(box, 'clientHeight', { value: 640, configurable: true });
    box.scrollTop = top;
    box.dispatchEvent(new Event('scroll'));
  };

  beforeEach(() => {
    // The tests' browser measures nothing.
    vi.stubGlobal('ResizeObserver', class { observe = () => undefined; disconnect = () => undefined; });
    archive = new ArchiveDouble();
    testing(archive);
  });

  afterEach(() => vi.unstubAllGlobals());

  it('draws of a thousand what is seen, and other rows when one scrolls', async () => {
    archive.on('/documents', page(0, 1000, null));
    const shown = show(DocumentsPage);
    await shown.until(() => expect(rows(shown)[0]?.textContent).toContain('Document 0'));
    expect(shown.element.querySelector<HTMLElement>('.rows ul')?.style.height).toBe('64000px');
    scrolledTo(shown, 32_000);
    await shown.until(() => expect(rows(shown)[0]?.textContent).toContain('Document 492'));
    expect(rows(shown).length).toBeLessThanOrEqual(30);
  });

  it('asks for the next page before its end is seen, and not after the last', async () => {
    archive.on('/documents', (request: Request) => Response.json(request.url.includes('cursor=c1') ? page(100, 20, null) : page(0, 100, 'c1')));
    const shown = show(DocumentsPage);
    await shown.until(() => expect(rows(shown).length).toBeGreaterThan(0));
    expect(archive.asked.length).toBe(1);
    scrolledTo(shown, 3200);
    await shown.until(() => expect(shown.element.querySelector<HTMLElement>('.rows ul')?.style.height).toBe('7680px'));
    scrolledTo(shown, 7000);
    await shown.fixture.whenStable();
    expect(archive.asked.length).toBe(2);
  });

  it('shows the name of the file under a title, and the type where the name is all there is', async () => {
    archive.on('/documents', { items: [document(1), document(2, { title: '' })], next_cursor: null });
    const shown = show(DocumentsPage);
    await shown.until(() => expect(shown.all('row-name').map((one) => one.textContent)).toEqual(['1.txt', 'text/plain']));
  });

  it('marks the documents that are damaged', async () => {
    archive.on('/documents', { items: [document(1), document(2, { integrity: DAMAGED })], next_cursor: null });
    const shown = show(DocumentsPage);
    await shown.until(() => expect(rows(shown).length).toBe(2));
    expect(rows(shown).map((row) => row.querySelector('[data-testid="row-damaged"]')?.textContent)).toEqual([undefined, 'damaged']);
  });

  it('says what to do when there is none', async () => {
    archive.on('/documents', { items: [], next_cursor: null });
    const shown = show(DocumentsPage);
    await shown.until(() => expect(shown.said('no-documents')).toContain('There are no documents yet'));
  });

  it('shows no empty list beside a problem, and is there when asked again', async () => {
    archive.refuse('/documents', AWAY);
    const shown = show(DocumentsPage);
    await shown.until(() => expect(shown.said('trace')).toBe('trace-1'));
    expect(shown.all('no-documents')).toEqual([]);
    expect(shown.element.querySelector<HTMLElement>('.rows')?.hidden).toBe(true);
    archive.on('/documents', page(0, 1, null));
    shown.click('Try again');
    await shown.until(() => expect(rows(shown).length).toBe(1));
    expect(shown.all('problem')).toEqual([]);
  });
});
