import { digestOfBytes } from '../uploads/digest';
import { isSealed, readable } from './seal';

const ZEROS = '0'.repeat(64);

function sealed(text: string): Uint8Array {
  const seal = digestOfBytes(new TextEncoder().encode(text));
  return new TextEncoder().encode(text.replace(ZEROS, seal));
}

describe('the seal of an attribute file', () => {
  const whole = sealed(`{"attr_sha256":"${ZEROS}","title":"Опись"}`);

  it('is whole as long as no byte is changed', () => {
    expect(isSealed(whole)).toBe(true);
    for (const at of [0, 3, 20, whole.length - 3]) {
      const broken = whole.slice();
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect(isSealed(broken)).toBe(false);
    }
  });

  it('is not there in what has none or is no JSON', () => {
    for (const text of ['{}', 'no json', `{"attr_sha256":"${ZEROS}"}`]) {
      expect(isSealed(new TextEncoder().encode(text))).toBe(false);
    }
  });

  it('does not keep a broken file from being read', () => {
    expect(readable(new TextEncoder().encode('no json'))).toBe('no json');
    expect(readable(whole)).toContain('"title": "Опись"');
  });
});
