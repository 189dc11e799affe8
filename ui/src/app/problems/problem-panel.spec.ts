import { provideZonelessChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import type { ProblemBody } from '../api/problem';
import { Language } from '../language/language';
import { CopyButton } from './copy-button';
import { ProblemPanel } from './problem-panel';

const REFUSED = { type: 't', title: 'Type of content refused', status: 415, detail: 'It is an ELF.', code: 'type_refused', trace_id: 'abc' };

async function drawn(problem: ProblemBody, canRetry = false): Promise<HTMLElement> {
  TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection()] });
  TestBed.inject(Language).choose('ru');
  const fixture = TestBed.createComponent(ProblemPanel);
  fixture.componentRef.setInput('problem', problem);
  fixture.componentRef.setInput('canRetry', canRetry);
  await fixture.whenStable();
  return fixture.nativeElement as HTMLElement;
}

const shown = async (problem: ProblemBody): Promise<string> => (await drawn(problem)).textContent ?? '';

describe('the panel of a problem', () => {
  it('tells a known one in the language of the reader, with the detail and the trace id', async () => {
    const text = await shown(REFUSED);
    for (const part of ['Содержимое этого типа не принимается', 'It is an ELF.', 'abc']) expect(text).toContain(part);
  });

  it('tells an unknown one in the words of the archive', async () => {
    const text = await shown({ ...REFUSED, code: 'new_one' });
    expect(text).toContain('Type of content refused');
    expect(text.split('It is an ELF.').length).toBe(2);
  });

  it('shows the places that are wrong as text', async () => {
    const text = await shown({ ...REFUSED, errors: [{ pointer: '/tags/0', detail: '<b>long</b>' }] });
    expect(text).toContain('<b>long</b>');
  });

  it('does not repeat in another language what our own words say', async () => {
    for (const problem of [{ ...REFUSED, code: 'not_found' }, { ...REFUSED, status: 0, code: 'unreachable' }]) {
      expect(await shown(problem)).not.toContain('It is an ELF.');
      TestBed.resetTestingModule();
    }
  });

  it('offers to try again only what may go better, and only where the page can', async () => {
    const offers = async (status: number, canRetry: boolean) => {
      TestBed.resetTestingModule();
      return (await drawn({ ...REFUSED, status }, canRetry)).textContent?.includes('Повторить');
    };
    expect([await offers(503, true), await offers(429, true), await offers(0, true), await offers(404, true), await offers(503, false)]).toEqual([true, true, true, false, false]);
  });
});

describe('the button that copies', () => {
  const said = async (clipboard: unknown) => {
    TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection()] });
    TestBed.inject(Language).choose('en');
    vi.stubGlobal('navigator', { clipboard, languages: [] });
    const fixture = TestBed.createComponent(CopyButton);
    fixture.componentRef.setInput('text', 'trace');
    await fixture.whenStable();
    const button = (fixture.nativeElement as HTMLElement).querySelector('button')!;
    button.click();
    await fixture.whenStable();
    await new Promise((resolve) => setTimeout(resolve));
    await fixture.whenStable();
    vi.unstubAllGlobals();
    return button.textContent?.trim();
  };

  it('says that it has copied, or that one has to oneself where a page may not', async () => {
    const copied: string[] = [];
    expect(await said({ writeText: async (text: string) => void copied.push(text) })).toBe('Copied');
    expect(copied).toEqual(['trace']);
    TestBed.resetTestingModule();
    expect(await said(undefined)).toBe('Select it and copy');
  });
});
