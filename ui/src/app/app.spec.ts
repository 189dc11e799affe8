import { TestBed } from '@angular/core/testing';
import { Router } from '@angular/router';
import { App } from './app';
import { Arrival } from './arrival';
import { Reach } from './api/reach';
import { Language } from './language/language';
import { Session } from './session/session';
import { ArchiveDouble, show, testing } from './testing/page';
import { SEND } from './uploads/sender';
import { Uploads } from './uploads/uploads';

const file = { name: 'a.txt', size: 3, type: '', slice: () => ({ arrayBuffer: async () => new TextEncoder().encode('abc').buffer }) } as unknown as File;

function asksBeforeLeaving(): boolean {
  const event = new Event('beforeunload', { cancelable: true });
  window.dispatchEvent(event);
  return event.defaultPrevented;
}

describe('the frame around every page', () => {
  beforeEach(() => {
    // The tests' browser has neither.
    vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
    HTMLDialogElement.prototype.showModal = () => undefined;
    const archive = new ArchiveDouble().on('/uploads', { operation_id: 'op', document_id: 'd', upload_url: 'http://agent/', ticket: 't' });
    testing(archive, { provide: SEND, useValue: () => new Promise(() => undefined) });
  });

  afterEach(() => vi.unstubAllGlobals());

  it('asks before the tab is closed while a file is only here, paused ones too, and else does not', async () => {
    const page = show(App);
    const uploads = TestBed.inject(Uploads);
    expect(asksBeforeLeaving()).toBe(false);
    uploads.add([file]);
    await page.until(() => expect(uploads.list()[0]?.stage).toBe('sending'));
    expect(asksBeforeLeaving()).toBe(true);
    uploads.pause(uploads.list()[0]!.id);
    expect(asksBeforeLeaving()).toBe(true);
    uploads.remove(uploads.list()[0]!.id);
    expect(asksBeforeLeaving()).toBe(false);
  });

  it('says that a new element has joined once the policy of the page has refused one', async () => {
    const page = show(App);
    expect(page.all('new-element')).toEqual([]);
    TestBed.inject(Reach).hear({ effectiveDirective: 'connect-src', blockedURI: 'http://agent:1' });
    await page.until(() => expect(page.said('new-element')).toContain('Reload this page: a new storage element has joined'));
  });

  it('has no way to pages for who is not signed in', async () => {
    const page = show(App);
    expect(page.element.querySelectorAll('a.nav-link').length).toBe(5);
    TestBed.inject(Session).end();
    await page.until(() => expect(page.element.querySelectorAll('a.nav-link').length).toBe(0));
  });

  it('counts in the menu what is not finished', async () => {
    const page = show(App);
    TestBed.inject(Uploads).add([file, file]);
    await page.until(() => expect(page.said('unfinished')).toBe('2'));
  });

  it('folds the menu at Escape', async () => {
    const page = show(App);
    const toggler = page.element.querySelector<HTMLElement>('.navbar-toggler')!;
    toggler.click();
    await page.until(() => expect(toggler.getAttribute('aria-expanded')).toBe('true'));
    toggler.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
    await page.until(() => expect(toggler.getAttribute('aria-expanded')).toBe('false'));
  });

  it('helps at a question mark, and takes no other key meanwhile', async () => {
    const page = show(App);
    document.dispatchEvent(new KeyboardEvent('keydown', { key: '?' }));
    await page.until(() => expect(page.element.querySelector('dialog')).not.toBeNull());
    expect(page.element.querySelector('dialog')?.textContent).toContain('Documents');
    const gone = vi.spyOn(TestBed.inject(Router), 'navigateByUrl');
    for (const code of ['KeyG', 'KeyE']) document.dispatchEvent(new KeyboardEvent('keydown', { key: code[3]!.toLowerCase(), code }));
    expect(gone).not.toHaveBeenCalled();
    page.element.querySelector('dialog')?.dispatchEvent(new Event('close'));
    for (const code of ['KeyG', 'KeyE']) document.dispatchEvent(new KeyboardEvent('keydown', { key: code[3]!.toLowerCase(), code }));
    expect(gone).toHaveBeenCalledWith('/elements');
  });
});

describe('arriving at a page', () => {
  const at = (url: string, title: string) => ({ url, root: { title, children: [], outlet: 'primary' } }) as never;
  let main: HTMLElement;

  beforeEach(() => {
    testing(new ArchiveDouble());
    main = document.createElement('main');
    main.innerHTML = '<h1>Heading</h1><input>';
    document.body.append(main);
  });

  afterEach(() => main.remove());

  const arrive = async (url: string, title = 'nav.documents') => {
    vi.spyOn(Arrival.prototype, 'buildTitle').mockReturnValue(title);
    TestBed.inject(Arrival).updateTitle(at(url, title));
    TestBed.tick();
    await new Promise((resolve) => setTimeout(resolve));
  };

  it('names the tab, in the language of the reader and by what is shown', async () => {
    await arrive('/documents');
    expect(document.title).toBe('Documents · ArtStore');
    TestBed.inject(Language).choose('ru');
    TestBed.tick();
    expect(document.title).toBe('Документы · ArtStore');
    TestBed.inject(Arrival).own.set('Опись');
    TestBed.tick();
    expect(document.title).toBe('Опись · ArtStore');
  });

  it('puts the focus at the heading of the next page, not of the first, and not while one types', async () => {
    await arrive('/documents');
    expect(document.activeElement?.tagName).toBe('BODY');
    await arrive('/search?q=a');
    expect(document.activeElement?.tagName).toBe('H1');
    main.querySelector('input')?.focus();
    await arrive('/search?q=ab');
    expect(document.activeElement?.tagName).toBe('INPUT');
  });

  it('puts it where a page wants it', async () => {
    main.querySelector('input')?.setAttribute('data-arrive', '');
    await arrive('/sign-in');
    expect(document.activeElement?.tagName).toBe('INPUT');
  });
});
