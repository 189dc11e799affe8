// Damage in words: which half of a document is wrong, and how that shows.
import type { Language } from '../language/language';

export interface Wrong {
  readonly part?: string | null;
  readonly reason?: string | null;
}

/** A sentence about what is wrong; a word of a later release stands in it as it came. */
export function wrongWith(language: Language, { part, reason }: Wrong): string {
  const words = { part: language.word('damage.part', part ?? ''), reason: language.word('damage.reason', reason ?? '') };
  return language.say('damage.what', words);
}
