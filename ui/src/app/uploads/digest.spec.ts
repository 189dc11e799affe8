import { type Readable, digestOf, digestOfBytes, digestOfStream } from './digest';

const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const bytes = new TextEncoder().encode('abc');

function file(content: Uint8Array): Readable {
  const slice = (from?: number, to?: number) => ({ arrayBuffer: async () => content.slice(from, to).buffer });
  return { size: content.length, slice } as unknown as Readable;
}

describe('the SHA-256', () => {
  it('of a known text is the known one, however it comes', async () => {
    expect(digestOfBytes(bytes)).toBe(ABC);
    expect(await digestOf(file(bytes), () => undefined, new AbortController().signal)).toBe(ABC);
    const body = new ReadableStream<Uint8Array>({
      start(stream) {
        for (const byte of bytes) stream.enqueue(Uint8Array.of(byte));
        stream.close();
      },
    });
    expect(await digestOfStream(body, () => undefined)).toBe(ABC);
  });

  it('of a large file is read in pieces and told as it goes', async () => {
    const told: number[] = [];
    await digestOf(file(new Uint8Array(2_500_000)), (done) => told.push(done), new AbortController().signal);
    expect(told).toEqual([1_048_576, 2_097_152, 2_500_000]);
  });

  it('stops when it is cancelled', async () => {
    await expect(digestOf(file(bytes), () => undefined, AbortSignal.abort())).rejects.toThrow();
  });
});
