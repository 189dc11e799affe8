import { piecesOf } from './snippet';

describe('a snippet', () => {
  it('has its hits between double asterisks', () => {
    expect(piecesOf('лежат **рукописи** Ёлкина')).toEqual([
      { text: 'лежат ', isHit: false },
      { text: 'рукописи', isHit: true },
      { text: ' Ёлкина', isHit: false },
    ]);
  });

  it('without hits is one piece, and empty is none', () => {
    expect(piecesOf('a')).toEqual([{ text: 'a', isHit: false }]);
    expect(piecesOf('')).toEqual([]);
  });

  it('does not take a mark that is never closed for a hit', () => {
    expect(piecesOf('a **b').some((piece) => piece.isHit)).toBe(false);
  });
});
