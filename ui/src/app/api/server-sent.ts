// Server-sent events out of a fetched stream: EventSource cannot carry an access token.

/** Cut what has arrived into the data of whole events and the rest that is not whole yet (HTML standard, 9.2.6). */
export function wholeEvents(text: string): { events: string[]; rest: string } {
  const blocks = text.replace(/\r\n?/g, '\n').split('\n\n');
  const rest = blocks.pop() ?? '';
  return { events: blocks.map(dataOf).filter((data) => data !== ''), rest };
}

/** Yield the data of each event until the stream ends. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let waiting = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const found = wholeEvents(waiting + decoder.decode(value, { stream: true }));
      waiting = found.rest;
      yield* found.events;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function dataOf(block: string): string {
  return block
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).replace(/^ /, ''))
    .join('\n');
}
