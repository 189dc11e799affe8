import { provideZonelessChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import type { ProblemBody } from '../api/problem';
import { Language } from '../language/language';
import { ProblemPanel } from './problem-panel';

const REFUSED = { type: 't', title: 'Type of content refused', status: 415, detail: 'It is an ELF.', code: 'type_refused', trace_id: 'abc' };

async function shown(problem: ProblemBody): Promise<string> {
  TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection()] });
  TestBed.inject(Language).choose('ru');
  const fixture = TestBed.createComponent(ProblemPanel);
  fixture.componentRef.setInput('problem', problem);
  await fixture.whenStable();
  return (fixture.nativeElement as HTMLElement).textContent ?? '';
}

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
});
