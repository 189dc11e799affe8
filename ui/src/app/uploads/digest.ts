// SHA-256 of what is read piece by piece: nothing is ever whole in memory, and no secure context is needed for it.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const PIECE_BYTES = 1024 * 1024;

/** Bytes that can be cut and read: a File, a Blob. */
export type Readable = Pick<Blob, 'size' | 'slice'>;

/** Return 64 hex digits; `tell` is told how many bytes are read. The reader's own errors, and AbortError, pass. */
export async function digestOf(file: Readable, tell: (done: number) => void, signal: AbortSignal): Promise<string> {
  const digest = sha256.create();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    signal.throwIfAborted();
    digest.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    tell(Math.min(at + PIECE_BYTES, file.size));
  }
  return bytesToHex(digest.digest());
}

/** The same for a body that arrives. */
export async function digestOfStream(body: ReadableStream<Uint8Array>, tell: (done: number) => void): Promise<string> {
  const digest = sha256.create();
  const reader = body.getReader();
  let seen = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytesToHex(digest.digest());
    digest.update(value);
    tell((seen += value.length));
  }
}

export function digestOfBytes(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}
