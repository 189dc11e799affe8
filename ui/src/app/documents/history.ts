// The trail of a document: its events and those of the operations behind them, in their order, each with its cause.
import type { ArchiveEvent } from '../api/archive';
import type { Tone } from '../operations/tone';

/**
 * What has happened. `status` and `step`: of an operation's own events, where it has come to. `cause`: the type of the
 * message that this follows from, an event of the trail or one of the inbox that an operation tells of; null when
 * nobody tells. `isRequest`: the cause is what a person asked for, which is the operation itself.
 */
export interface Happening {
  readonly event: ArchiveEvent;
  readonly name: string;
  readonly status: string | null;
  readonly step: string | null;
  readonly cause: string | null;
  readonly isRequest: boolean;
}

interface Heard {
  readonly type: string;
  readonly causeId: string | null;
}

const ADVANCED = 'SagaAdvanced';
const FIXITY = 'fixity';
const TONES: Readonly<Record<string, Tone>> = { DocumentDamaged: 'bad', DocumentMended: 'good' };
const REPLIES_MAX = 4;

/** The name of a type without the archive's own prefix. */
export function nameOf(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** Put events in their order, each once and none before its cause, and name their causes. */
export function trailOf(events: readonly ArchiveEvent[]): Happening[] {
  const known = new Map(events.map((event) => [event.event_id, event]));
  const heard = heardOf(known.values());
  return inOrder([...known.values()], heard).map((event) => {
    const cause = causeOf(event, known, heard);
    const isAdvance = nameOf(event.type) === ADVANCED;
    return {
      event,
      name: nameOf(event.type),
      status: isAdvance ? textIn(event, 'status') : null,
      step: isAdvance ? textIn(event, 'step') : null,
      cause,
      isRequest: event.causation_id === event.correlation_id && !known.has(event.causation_id),
    };
  });
}

/** The operations that the events belong to, each once. What an element finds by itself belongs to none. */
export function operationsOf(events: readonly ArchiveEvent[]): string[] {
  return [...new Set(events.filter((event) => event.aggregate_type !== FIXITY).map((event) => event.correlation_id))];
}

/** Messages that are no events of a trail, as operations tell of them: what they answered to, and what they sent. */
function heardOf(events: Iterable<ArchiveEvent>): Map<string, Heard> {
  const heard = new Map<string, Heard>();
  for (const event of events) {
    const [id, type] = [textIn(event, 'cause_id'), textIn(event, 'cause_type')];
    if (id !== null && type !== null) heard.set(id, { type, causeId: textIn(event, 'cause_causation_id') });
    for (const sent of sentBy(event)) heard.set(sent.id, { type: sent.type, causeId: event.event_id });
  }
  return heard;
}

/** The type of the cause: an event of the trail, directly or announced by a reply; else the message that it was. */
function causeOf(event: ArchiveEvent, known: ReadonlyMap<string, ArchiveEvent>, heard: ReadonlyMap<string, Heard>): string | null {
  const message = heard.get(event.causation_id ?? '');
  const announced = message !== undefined && isReply(message) ? known.get(message.causeId ?? '') : undefined;
  const cause = [known.get(event.causation_id ?? ''), announced].find((one) => one !== undefined && one !== event);
  const type = cause?.type ?? message?.type;
  return type === undefined ? null : nameOf(type);
}

/** A reply is told by the event that it announces. */
function isReply({ type }: Heard): boolean {
  return ['ContentCommitted', 'TextFinished'].includes(nameOf(type));
}

/** The identifiers behind an event, nearest first, through messages that are no events. */
function idsBehind(event: ArchiveEvent, heard: ReadonlyMap<string, Heard>): string[] {
  const ids: string[] = [];
  for (let id = event.causation_id; id !== null && ids.length < REPLIES_MAX; id = heard.get(id)?.causeId ?? null) ids.push(id);
  return ids;
}

/** By time; at the same moment a cause before what follows from it. */
function inOrder(events: readonly ArchiveEvent[], heard: ReadonlyMap<string, Heard>): ArchiveEvent[] {
  const sorted = [...events].sort(byTime);
  const seen = new Set<ArchiveEvent>();
  const done: ArchiveEvent[] = [];
  const put = (event: ArchiveEvent): void => {
    if (seen.has(event)) return;
    seen.add(event);
    const behind = idsBehind(event, heard);
    sorted.filter((one) => one.occurred_at === event.occurred_at && behind.includes(one.event_id)).forEach(put);
    done.push(event);
  };
  sorted.forEach(put);
  return done;
}

function byTime(one: ArchiveEvent, other: ArchiveEvent): number {
  const order = one.occurred_at.localeCompare(other.occurred_at);
  return order !== 0 ? order : one.event_id.localeCompare(other.event_id);
}

function sentBy(event: ArchiveEvent): { id: string; type: string }[] {
  const outputs = event.payload['outputs'];
  const isSent = (one: unknown): one is { id: string; type: string } => {
    const sent = one as { id?: unknown; type?: unknown } | null;
    return typeof sent?.id === 'string' && typeof sent.type === 'string';
  };
  return Array.isArray(outputs) ? outputs.filter(isSent) : [];
}

/** How it looks in the line: ends stand out, the steps between do not. */
export function toneOfHappening({ name, status }: Happening): Tone | null {
  if (status === null) return TONES[name] ?? null;
  return status === 'succeeded' ? 'good' : status === 'failed' ? 'bad' : 'still';
}

function textIn(event: ArchiveEvent, name: string): string | null {
  const text = event.payload[name];
  return typeof text === 'string' ? text : null;
}
