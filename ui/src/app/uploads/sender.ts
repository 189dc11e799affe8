// PUT of a file's bytes to the agent, with progress: the one thing that fetch cannot tell.
import { InjectionToken, inject } from '@angular/core';
import type { Ticketed } from '../api/archive';
import { problemOf } from '../api/problem';
import { Reach } from '../api/reach';

export interface Parcel {
  readonly ticketed: Ticketed;
  readonly body: Blob;
  readonly tell: (sent: number) => void;
  readonly signal: AbortSignal;
}

export type Send = (parcel: Parcel) => Promise<void>;

export const SEND = new InjectionToken<Send>('send', {
  factory: () => {
    const reach = inject(Reach);
    return (parcel) => put(parcel, reach);
  },
});

/** Resolve once the agent has committed; Problem for its refusal or silence, AbortError when cancelled. */
function put({ ticketed, body, tell, signal }: Parcel, reach: Reach): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', ticketed.upload_url);
    request.setRequestHeader('Authorization', `Bearer ${ticketed.ticket}`);
    request.upload.onprogress = (event) => tell(event.loaded);
    request.onload = () =>
      request.status === 200 ? resolve() : reject(problemOf(parsed(request.responseText), request.status));
    request.onerror = () => void reach.whyNot(ticketed.upload_url).then(reject);
    request.onabort = () => reject(new DOMException('The upload was paused.', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
