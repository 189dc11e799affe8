// A snippet as the archive writes it: the words that were found stand between double asterisks.

export interface Piece {
  readonly text: string;
  readonly isHit: boolean;
}

/** Cut a snippet into pieces, hits and what stands between; empty ones are left out. */
export function piecesOf(snippet: string): Piece[] {
  const parts = snippet.split('**');
  // An odd mark at the end is text, not the beginning of a hit.
  const isHit = (at: number) => at % 2 === 1 && at < parts.length - 1;
  return parts.map((text, at) => ({ text, isHit: isHit(at) })).filter((piece) => piece.text !== '');
}
