// The trail of a document: its events and those of the operations behind them, in their order, each with its cause.
import type { ArchiveEvent } from '../api/archive';

/** `step`: where an operation has come to, for its own events; `cause`: the type of the event it follows from, or the operation when that is its cause. */
export interface Happening {
  readonly event: ArchiveEvent;
  readonly name: string;
  readonly step: string | null;
  readonly cause: string | null;
  readonly isByOperation: boolean;
}

/** The name of a type without the archive's own prefix. */
export function nameOf(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** Put events in their order, each once, and name their causes among them. */
export function trailOf(events: readonly ArchiveEvent[]): Happening[] {
  const known = new Map(events.map((event) => [event.event_id, event]));
  return [...known.values()].sort(inOrder).map((event) => {
    const cause = known.get(event.causation_id ?? '');
    return {
      event,
      name: nameOf(event.type),
      step: stepOf(event),
      cause: cause === undefined || cause === event ? null : nameOf(cause.type),
      isByOperation: cause === undefined && event.causation_id === event.correlation_id,
    };
  });
}

/** The operations that the events belong to, each once. */
export function operationsOf(events: readonly ArchiveEvent[]): string[] {
  return [...new Set(events.map((event) => event.correlation_id))];
}

function stepOf(event: ArchiveEvent): string | null {
  const step = event.payload['step'];
  return typeof step === 'string' ? step : null;
}

function inOrder(one: ArchiveEvent, other: ArchiveEvent): number {
  const byTime = one.occurred_at.localeCompare(other.occurred_at);
  return byTime !== 0 ? byTime : one.event_id.localeCompare(other.event_id);
}
