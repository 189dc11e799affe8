import { signal } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { local } from '../api/problem';
import { ArchiveDouble, show, testing, type Shown } from '../testing/page';
import { Seconds } from './seconds';
import { begun, type Upload } from './upload';
import { UploadRow } from './upload-row';
import { Uploads } from './uploads';

const NOW = 1_000_000;
const NEW = begun('1', 'Опись.txt', 2000, NOW);

describe('the row of an upload', () => {
  let row: Shown<UploadRow>;
  const tell = (change: Partial<Upload>) => row.set({ upload: { ...NEW, ...change } });
  const is = (tells: () => void) => row.until(tells);

  beforeEach(() => {
    testing(new ArchiveDouble(), { provide: Seconds, useValue: { now: signal(NOW) } });
    row = show(UploadRow, { upload: NEW });
  });

  it('tells what waits, and lets it be paused or removed', () => {
    expect([row.said('stage'), row.buttons]).toEqual(['Waiting for its turn', ['Pause', 'Remove from the list']]);
  });

  it('tells how much, how fast and how long still, once that is known', async () => {
    tell({ stage: 'sending', done: 500, since: NOW - 500 });
    await is(() => expect([row.said('stage'), row.all('pace').length]).toEqual(['Sending', 0]));
    tell({ stage: 'sending', done: 1000, since: NOW - 10_000 });
    await is(() => expect(row.said('pace')).toBe('· 1 kB, 100 bytes/s, 10 sec left'));
    expect(row.element.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')).toBe('60');
  });

  it('goes on or is removed when it is paused', async () => {
    tell({ stage: 'paused' });
    await is(() => expect(row.buttons).toEqual(['Resume', 'Remove from the list']));
  });

  it('asks for the same file again when a closed tab has left it', async () => {
    tell({ stage: 'interrupted' });
    await is(() => expect([row.said('stage'), row.buttons]).toEqual(['Interrupted', ['Remove from the list']]));
    expect(row.text).toContain('Choose the same file again');
  });

  it('says why it has failed, and can be tried again', async () => {
    tell({ stage: 'failed', operationId: 'op', problem: local('type_refused', 'Refused', 'no').body });
    await is(() => expect(row.buttons.slice(0, 2)).toEqual(['Try again', 'Operation']));
    expect(row.all('problem')[0]?.dataset['code']).toBe('type_refused');
  });

  it('cannot be stopped once it is stored, and tells what is still done with it', async () => {
    tell({ stage: 'stored', operationId: 'op', step: 'text' });
    await is(() => expect(row.said('stage')).toBe('Stored safely. Becoming searchable: extracting its text'));
    expect(row.buttons).toEqual(['Operation']);
  });

  it('leads to the document when it is found', async () => {
    tell({ stage: 'found', operationId: 'op', documentId: 'doc' });
    await is(() => expect(row.buttons).toEqual(['Open the document', 'Operation', 'Remove from the list']));
    expect(row.element.querySelector('a')?.getAttribute('href')).toBe('/documents/doc');
  });

  it('says that nobody answers, or that it takes long, and never both', async () => {
    const told = () => [...row.element.querySelectorAll('.text-warning-emphasis')].map((one) => one.textContent);
    tell({ stage: 'stored', since: NOW - 60_000 });
    await is(() => expect(told()).toEqual([expect.stringContaining('longer than usual')]));
    tell({ stage: 'stored', since: NOW - 60_000, lost: true });
    await is(() => expect(told()).toEqual([expect.stringContaining('keeps trying')]));
  });

  it('has buttons that do what they say, to this upload', async () => {
    const uploads = TestBed.inject(Uploads);
    const done: string[] = [];
    for (const act of ['pause', 'resume', 'retry', 'remove'] as const) vi.spyOn(uploads, act).mockImplementation((id) => void done.push(`${act} ${id}`));
    row.click('Pause');
    tell({ stage: 'paused' });
    await is(() => row.click('Resume'));
    tell({ stage: 'failed' });
    await is(() => row.click('Try again'));
    row.element.querySelector<HTMLElement>('[title="Remove from the list"]')?.click();
    expect(done).toEqual(['pause 1', 'resume 1', 'retry 1', 'remove 1']);
  });

  it('names the file in each button, for who hears buttons alone', () => {
    expect([...row.element.querySelectorAll('button')].map((button) => button.getAttribute('aria-label'))).toEqual(['Pause: Опись.txt', 'Remove from the list: Опись.txt']);
  });
});
