// How full an element is.
import type { Element } from '../api/archive';

export interface Room {
  readonly percent: number;
  readonly colour: 'success' | 'warning' | 'danger';
}

/** Percent in use, and a colour that warns at 80 and alarms at 95. */
export function roomOf(capacity: NonNullable<Element['capacity']>): Room {
  const percent = capacity.total === 0 ? 100 : (100 * (capacity.total - capacity.free)) / capacity.total;
  return { percent, colour: percent >= 95 ? 'danger' : percent >= 80 ? 'warning' : 'success' };
}
