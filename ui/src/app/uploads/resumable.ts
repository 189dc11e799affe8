// Sending by tus 1.0.0: what the agent has of a file stays there, whatever happens to the net, the tab or the agent.
import { DetailedError, Upload } from 'tus-js-client';
import { Problem } from '../api/problem';
import type { Reach } from '../api/reach';
import { refusal, silence, type Parcel } from './parcel';

/** A larger file is sent so that it can go on; the command line draws the same line. */
export const RESUMABLE_ABOVE_BYTES = 10_000_000;
/** So much goes in one request: a proxy in front of the agent then passes it on before it has a whole film. */
const PIECE_BYTES = 64 * 1024 * 1024;
/** The agent is not where the client thought it was: it is asked anew. */
const MISPLACED: readonly string[] = ['wrong_offset', 'not_found'];
const TRIES = 3;

/** As `Send`; an upload that was begun before, at `url` or by the same ticket, goes on where it is. */
export async function sendResumably(parcel: Parcel, reach: Reach): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await sendOnce(parcel, reach);
    } catch (error) {
      const isMisplaced = error instanceof Problem && MISPLACED.includes(error.code);
      if (!isMisplaced || tries === TRIES) throw error;
    }
  }
}

/** Let go of what the agent has. Problem when it refuses or does not answer. */
export async function giveUp(url: string, ticket: string, reach: Reach): Promise<void> {
  try {
    await Upload.terminate(url, { headers: credentials(ticket), retryDelays: null });
  } catch (error) {
    throw await asProblem(error, new Blob(), url, reach);
  }
}

function sendOnce({ ticketed, body, place, tell, signal }: Parcel, reach: Reach): Promise<void> {
  return new Promise((resolve, reject) => {
    const endpoint = new URL('uploads', ticketed.upload_url).href;
    const upload = new Upload(body, {
      endpoint,
      uploadUrl: place.url(),
      headers: credentials(ticketed.ticket),
      chunkSize: PIECE_BYTES,
      // Who is patient, and for how long, is decided in one place: not here.
      retryDelays: null,
      storeFingerprintForResuming: false,
      // An abort before the first request is forgotten by the library.
      onBeforeRequest: () => signal.throwIfAborted(),
      onUploadUrlAvailable: () => upload.url !== null && place.found(upload.url),
      onAfterResponse: (request, answer) => {
        const offset = answer.getHeader('Upload-Offset');
        if (request.getMethod() === 'HEAD' && answer.getStatus() === 200 && offset !== undefined) place.begins(Number(offset));
      },
      onProgress: tell,
      onSuccess: () => resolve(),
      onError: (error) => void asProblem(error, body, endpoint, reach).then(reject),
    });
    const stop = () => {
      void upload.abort();
      reject(new DOMException('The upload was paused.', 'AbortError'));
    };
    signal.addEventListener('abort', stop, { once: true });
    upload.start();
  });
}

async function asProblem(error: unknown, body: Blob, url: string, reach: Reach): Promise<unknown> {
  if (!(error instanceof DetailedError)) return error;
  const answer = error.originalResponse;
  return answer === null ? silence(body, url, reach) : refusal(answer.getBody(), answer.getStatus());
}

function credentials(ticket: string): Record<string, string> {
  return { Authorization: `Bearer ${ticket}` };
}
