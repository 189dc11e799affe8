// The seal of an attribute file: the SHA-256 of its own bytes, with the seal's 64 digits written as zeros.
import { digestOfBytes } from '../uploads/digest';

/** Tell whether the file is as it was written. No canonical form need be known for it. */
export function isSealed(bytes: Uint8Array): boolean {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const seal = sealOf(text);
  if (seal === null) return false;
  return digestOfBytes(new TextEncoder().encode(text.replace(seal, '0'.repeat(64)))) === seal;
}

/** The file for people to read: its own text with line breaks, as it is when it is no JSON. */
export function readable(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function sealOf(text: string): string | null {
  try {
    const seal = (JSON.parse(text) as Record<string, unknown>)['attr_sha256'];
    return typeof seal === 'string' && /^[0-9a-f]{64}$/.test(seal) ? seal : null;
  } catch {
    return null;
  }
}
