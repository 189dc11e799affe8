import { digestOfBytes } from '../uploads/digest';
import { document } from '../testing/documents';
import { AWAY, ArchiveDouble, show, testing, type Shown } from '../testing/page';
import { IntegrityPanel } from './integrity-panel';

const BODY = new TextEncoder().encode('abc');
const SHA256 = digestOfBytes(BODY);
const ZEROS = '0'.repeat(64);
const SEALED = `{"attr_sha256":"${ZEROS}"}`;
const SEAL = digestOfBytes(new TextEncoder().encode(SEALED));

describe('the integrity of a document', () => {
  let archive: ArchiveDouble;
  let panel: Shown<IntegrityPanel>;

  beforeEach(() => {
    archive = new ArchiveDouble().on('/content', () => new Response(BODY));
    testing(archive);
    panel = show(IntegrityPanel, { document: document(1, { sha256: SHA256, size: 3 }) });
  });

  it('says what was recorded and claims nothing until it has been asked', () => {
    expect([panel.said('promised'), panel.all('verdict'), panel.all('computed'), archive.asked]).toEqual([SHA256, [], [], []]);
    expect(panel.buttons).toEqual(['Verify now', 'Check the attribute file']);
  });

  it('is good when the bytes that came are those that were stored', async () => {
    panel.click('Verify now');
    await panel.until(() => expect(panel.all('verdict')[0]?.dataset['good']).toBe('true'));
    expect([panel.said('computed'), panel.buttons[0]]).toEqual([SHA256, 'Verify again']);
  });

  it('is bad when one bit differs, and says to tell an administrator', async () => {
    archive.on('/content', () => new Response(new TextEncoder().encode('abb')));
    panel.click('Verify now');
    await panel.until(() => expect(panel.all('verdict')[0]?.dataset['good']).toBe('false'));
    expect(panel.said('verdict')).toContain('Tell an administrator');
    expect(panel.said('computed')).not.toBe(SHA256);
  });

  it('claims nothing when the bytes do not come, nor with what it found before', async () => {
    panel.click('Verify now');
    await panel.until(() => expect(panel.all('verdict').length).toBe(1));
    archive.refuse('/content', AWAY);
    panel.click('Verify again');
    await panel.until(() => expect(panel.said('trace')).toBe('trace-1'));
    expect(panel.all('verdict')).toEqual([]);
  });

  it('tells how far it has read, and can be stopped', async () => {
    let isCancelled = false;
    archive.on('/content', ({ signal }: Request) => {
      const pull = (stream: ReadableStreamDefaultController) => stream.enqueue(BODY.slice(0, 2));
      signal.addEventListener('abort', () => (isCancelled = true));
      return new Response(new ReadableStream({ start: pull }));
    });
    panel.click('Verify now');
    await panel.until(() => expect(panel.said('reading')).toBe('Read: 2 bytes of 3 bytes'));
    panel.click('Stop');
    await panel.until(() => expect(panel.buttons[0]).toBe('Verify now'));
    expect([isCancelled, panel.all('verdict')]).toEqual([true, []]);
  });

  it('says nothing of the next document that it found of the last', async () => {
    panel.click('Verify now');
    await panel.until(() => expect(panel.all('verdict').length).toBe(1));
    panel.set({ document: document(2, { sha256: ZEROS }) });
    await panel.until(() => expect([panel.all('verdict'), panel.said('promised')]).toEqual([[], ZEROS]));
  });

  it('shows the attribute file with the state of its seal', async () => {
    archive.on('/attributes', () => new Response(SEALED.replace(ZEROS, SEAL)));
    panel.click('Check the attribute file');
    await panel.until(() => expect(panel.all('seal-verdict')[0]?.dataset['good']).toBe('true'));
    expect(panel.element.querySelector('pre')?.textContent).toContain(SEAL);
    archive.on('/attributes', () => new Response(SEALED));
    panel.click('Check the attribute file');
    await panel.until(() => expect(panel.all('seal-verdict')[0]?.dataset['good']).toBe('false'));
  });
});
