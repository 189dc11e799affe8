import { TestBed } from '@angular/core/testing';
import type { ProblemBody } from '../api/problem';
import { Keyboard } from '../keyboard/keyboard';
import { Language } from '../language/language';
import { DAMAGED, document as stored } from '../testing/documents';
import { AWAY, ArchiveDouble, CLOSED, show, testing, type Shown } from '../testing/page';
import { DocumentPage } from './document-page';
import { LinkDialog } from './link-dialog';

const WEEK = 7 * 24 * 3600;
const UNTIL = '2026-11-28T10:00:00Z';
const TOO_LONG: ProblemBody = {
  type: 't', title: 'Invalid request', status: 422, detail: 'The request has wrong fields.', code: 'invalid_request', trace_id: 'trace-3',
  errors: [{ pointer: '/seconds', detail: 'must be at most 60 in this installation' }],
};

let archive: ArchiveDouble;
let wanted: unknown[];

/** The archive makes links of its own address, a number in each. */
async function makes(request: Request): Promise<Response> {
  wanted.push(await request.json());
  return Response.json({ document_id: 'd1', version: 1, url: `http://agent/${wanted.length}?ticket=t`, expires_at: UNTIL }, { status: 201 });
}

const address = <T>(page: Shown<T>) => (page.all('link')[0] as HTMLInputElement | undefined)?.value;

beforeEach(() => {
  // The tests' browser opens no dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
    this.dispatchEvent(new Event('close'));
  };
  wanted = [];
  archive = new ArchiveDouble().on('/documents/d1', stored(1)).on('/documents/d2', stored(2)).on('/links', makes).on('/limits', { link_seconds_max: WEEK });
  testing(archive);
});

describe('the dialog of a link', () => {
  const offered = (page: Shown<LinkDialog>) => [...page.element.querySelectorAll('fieldset label')].map((label) => label.textContent?.trim());

  async function opened(): Promise<Shown<LinkDialog>> {
    const page = show(LinkDialog, { documentId: 'd1' });
    await page.until(() => expect(offered(page)).not.toEqual([]));
    return page;
  }

  it('has a name, says what a link is, and asks for nothing before it is told to', async () => {
    const page = await opened();
    await page.until(() => expect(page.element.querySelector('dialog')?.open).toBe(true));
    const name = page.element.querySelector('dialog')?.getAttribute('aria-labelledby');
    expect(page.element.querySelector(`#${name}`)?.textContent).toBe('Link to this document');
    expect(page.said('link-who')).toContain('without signing in, for anyone who has it');
    expect([archive.asked, address(page)]).toEqual([['GET /api/v1/limits'], undefined]);
  });

  it('makes a link for as long as is chosen, an hour at first, and says who can open it and until when', async () => {
    const page = await opened();
    page.click('Create link');
    page.click('Create link');
    await page.until(() => expect(address(page)).toBe('http://agent/1?ticket=t'));
    expect(page.said('link-who')).toBe(`Anyone who has this link can open the document without signing in until ${TestBed.inject(Language).dateBriefly(UNTIL)}, your time.`);
    page.element.querySelector<HTMLInputElement>('input[type=radio][value="604800"]')?.click();
    page.click('Create another link');
    await page.until(() => expect(address(page)).toBe('http://agent/2?ticket=t'));
    expect(wanted).toEqual([{ seconds: 3600 }, { seconds: 604_800 }]);
    expect(archive.asked.slice(1)).toEqual(Array(2).fill('POST /api/v1/documents/d1/links'));
  });

  it('offers only what the installation allows, and where that is less than an hour just this', async () => {
    const bounds = [[WEEK, ['1 hour', '1 day', '7 days']], [WEEK - 1, ['1 hour', '1 day']], [3600, ['1 hour']], [3599, ['59 min']], [45, ['45 sec']]] as const;
    for (const [most, choices] of bounds) {
      archive.on('/limits', { link_seconds_max: most });
      const page = await opened();
      expect(offered(page)).toEqual(choices);
      page.click('Create link');
      await page.until(() => expect(address(page)).toBeDefined());
      page.fixture.destroy();
    }
    expect(wanted).toEqual([3600, 3600, 3600, 3540, 45].map((seconds) => ({ seconds })));
  });

  it('makes no link before it knows what is allowed, and offers all where that is not told', async () => {
    let tell: (answer: Response) => void = () => undefined;
    archive.on('/limits', () => new Promise<Response>((told) => (tell = told)));
    const page = show(LinkDialog, { documentId: 'd1' });
    await page.until(() => expect(archive.asked).toEqual(['GET /api/v1/limits']));
    page.click('Create link');
    expect([offered(page), wanted]).toEqual([[], []]);
    tell(Response.json(AWAY, { status: 503 }));
    await page.until(() => expect(offered(page)).toEqual(['1 hour', '1 day', '7 days']));
  });

  it('gives the link to be copied, whole when it is touched, and does not say of another one that it is copied', async () => {
    const copied: string[] = [];
    vi.stubGlobal('navigator', { clipboard: { writeText: async (text: string) => void copied.push(text) }, languages: [] });
    try {
      const page = await opened();
      page.click('Create link');
      await page.until(() => page.click('Copy'));
      await page.until(() => expect(page.buttons).toContain('Copied'));
      const field = page.all('link')[0] as HTMLInputElement;
      field.dispatchEvent(new Event('focus'));
      expect([copied, field.readOnly, field.selectionEnd]).toEqual([[field.value], true, field.value.length]);
      page.click('Create another link');
      await page.until(() => expect(address(page)).toBe('http://agent/2?ticket=t'));
      expect(page.buttons).toContain('Copy');
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('says in words that links may not live that long here, and shows no older link beside that', async () => {
    const page = await opened();
    page.click('Create link');
    await page.until(() => expect(address(page)).toBeDefined());
    archive.refuse('/links', TOO_LONG);
    page.click('Create another link');
    await page.until(() => expect(page.said('problem')).toContain('Links may not work that long here'));
    expect(page.said('problem')).toContain('must be at most 60 in this installation');
    expect([address(page), page.all('detail').length]).toEqual([undefined, 0]);
    archive.on('/links', makes);
    page.click('Create link');
    await page.until(() => expect([page.all('problem').length, address(page)]).toEqual([0, 'http://agent/2?ticket=t']));
  });

  it('tells any other refusal as it is, and tries again where that may help', async () => {
    archive.refuse('/links', CLOSED);
    const page = await opened();
    page.click('Create link');
    await page.until(() => expect(page.said('problem')).toContain('Your role does not allow this'));
    archive.refuse('/links', AWAY);
    page.click('Create link');
    await page.until(() => expect(page.said('trace')).toBe('trace-1'));
    archive.on('/links', makes);
    page.click('Try again');
    await page.until(() => expect(address(page)).toBe('http://agent/1?ticket=t'));
  });

  it('keeps the keyboard from the page behind it, until it is closed or gone', async () => {
    const keyboard = TestBed.inject(Keyboard);
    const page = await opened();
    let closed = 0;
    page.fixture.componentInstance.closed.subscribe(() => closed++);
    await page.until(() => expect(keyboard.isHeld).toBe(true));
    page.click('Close');
    expect([closed, keyboard.isHeld]).toEqual([1, false]);
    const another = await opened();
    await another.until(() => expect(keyboard.isHeld).toBe(true));
    another.fixture.destroy();
    expect(keyboard.isHeld).toBe(false);
  });
});

describe('sharing from the page of a document', () => {
  const share = <T>(page: Shown<T>) => page.all('share')[0] as HTMLButtonElement | undefined;

  it('is there once the document is, opens the dialog, and closes it', async () => {
    const page = show(DocumentPage, { document_id: 'd1' });
    expect(share(page)).toBeUndefined();
    await page.until(() => page.click('Share'));
    await page.until(() => expect(page.all('make-link').length).toBe(1));
    page.click('Close');
    await page.until(() => expect(page.all('make-link')).toEqual([]));
  });

  it('leaves no dialog open over another document', async () => {
    const page = show(DocumentPage, { document_id: 'd1' });
    await page.until(() => page.click('Share'));
    await page.until(() => expect(page.all('make-link').length).toBe(1));
    page.set({ document_id: 'd2' });
    await page.until(() => expect(page.said('title')).toBe('Document 2'));
    expect(page.all('make-link')).toEqual([]);
  });

  it('is not offered for a document that is damaged, nor where an element gives attributes only, and says why', async () => {
    const kinds = [[{ integrity: DAMAGED }, 'A damaged document'], [{ mode: 'ar' }, 'attributes only']] as const;
    for (const [more, why] of kinds) {
      archive.on('/documents/d1', stored(1, more));
      const page = show(DocumentPage, { document_id: 'd1' });
      await page.until(() => expect(share(page)?.disabled).toBe(true));
      expect(share(page)?.title).toContain(why);
      expect(page.element.querySelector(`#${share(page)?.getAttribute('aria-describedby')}`)?.textContent?.trim()).toBeTruthy();
      expect((page.all('download')[0] as HTMLButtonElement).disabled).toBe(true);
      page.fixture.destroy();
    }
  });
});
