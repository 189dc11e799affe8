// What a key means: plain, so that it is tested without a browser.

export type Act = { go: string } | { move: 1 | -1 } | 'search' | 'help' | 'none';

export const PAGES: Readonly<Record<string, string>> = {
  u: '/uploads',
  s: '/search',
  d: '/documents',
  e: '/elements',
  o: '/operations',
};

/** The act of `key` after `before`. Keys mean something only where nothing is typed into, and without modifiers. */
export function actOf(before: string, key: string): Act {
  if (before === 'g') return key in PAGES ? { go: PAGES[key]! } : 'none';
  if (key === 'j') return { move: 1 };
  if (key === 'k') return { move: -1 };
  if (key === '/') return 'search';
  return key === '?' ? 'help' : 'none';
}

/** The place of the next row from `at` (-1: none yet) in a list of `count`, staying inside it. */
export function rowAfter(at: number, move: 1 | -1, count: number): number {
  return Math.max(0, Math.min(count - 1, at + move));
}
