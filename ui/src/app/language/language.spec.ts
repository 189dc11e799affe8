import { ENGLISH } from './english';
import { filled, preferred, secondsIn, sizeIn } from './language';
import { RUSSIAN } from './russian';

const holes = (sentence: string) => [...sentence.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();

describe('the language', () => {
  it('is the one that was chosen, else the first wished that we speak, else English', () => {
    expect(preferred('ru', ['en'])).toBe('ru');
    expect(preferred('xx', ['de', 'ru-RU', 'en'])).toBe('ru');
    expect(preferred(null, ['de'])).toBe('en');
  });

  it('has the same holes in both dictionaries, and no empty sentence', () => {
    for (const [key, english] of Object.entries(ENGLISH)) {
      const russian = RUSSIAN[key as keyof typeof ENGLISH];
      expect([key, holes(russian)]).toEqual([key, holes(english)]);
      expect(russian.trim()).not.toBe('');
    }
  });

  it('fills holes with values as they are, and leaves unknown ones', () => {
    expect(filled('“{words}” {other}', { words: '$& {x}' })).toBe('“$& {x}” {other}');
  });

  it('tells a length of time in its largest unit, and never that nothing is left', () => {
    expect([1, 59, 61, 3600, 7201].map((count) => secondsIn('en', count))).toEqual(['1 sec', '59 sec', '2 min', '1 hr', '3 hr']);
    expect(secondsIn('ru', 90)).toMatch(/^2\sмин$/);
  });

  it('tells sizes in decimal units', () => {
    expect(sizeIn('en', 0)).toBe('0 bytes');
    expect(sizeIn('en', 1500)).toBe('1.5 kB');
    expect(sizeIn('ru', 2_500_000)).toMatch(/^2,5\sМБ$/);
  });
});
