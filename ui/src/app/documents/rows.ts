// Which rows of a long list stand in the page: those that are seen, and a few around them.

export interface Rows {
  readonly from: number;
  readonly to: number;
}

const SPARE = 8;

/** Rows [from, to) of `count`, each `row` pixels high, for a box of `height` that is scrolled to `top`. */
export function rowsSeen(top: number, height: number, row: number, count: number): Rows {
  const from = Math.max(0, Math.floor(top / row) - SPARE);
  const to = Math.min(count, Math.ceil((top + height) / row) + SPARE);
  return { from: Math.min(from, to), to };
}
