import { eventsOf, wholeEvents } from './server-sent';

describe('server-sent events', () => {
  it('are whole after an empty line; the rest waits', () => {
    expect(wholeEvents('data: 1\n\ndata: 2\n\ndata: 3')).toEqual({ events: ['1', '2'], rest: 'data: 3' });
  });

  it('may end their lines in any of the three ways', () => {
    expect(wholeEvents('data: a\r\n\r\ndata: b\r\r').events).toEqual(['a', 'b']);
  });

  it('join their lines, and leave comments out', () => {
    expect(wholeEvents(': still here\n\ndata:a\ndata: b\n\n').events).toEqual(['a\nb']);
  });

  it('come through a stream that is cut anywhere, inside a letter too', async () => {
    const bytes = new TextEncoder().encode('data: "ёж"\n\n: here\n\ndata: 2\n\n');
    for (let cut = 1; cut < bytes.length; cut++) {
      const body = new ReadableStream<Uint8Array>({
        start(stream) {
          stream.enqueue(bytes.slice(0, cut));
          stream.enqueue(bytes.slice(cut));
          stream.close();
        },
      });
      const found: string[] = [];
      for await (const event of eventsOf(body)) found.push(event);
      expect(found).toEqual(['"ёж"', '2']);
    }
  });
});
