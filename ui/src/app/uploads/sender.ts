// A file's bytes on their way to the agent: a small file in one PUT, a large one so that it can go on after a break.
import { InjectionToken, inject } from '@angular/core';
import { Reach } from '../api/reach';
import { refusal, silence, type Parcel, type Send } from './parcel';
import { RESUMABLE_ABOVE_BYTES, sendResumably } from './resumable';

export const SEND = new InjectionToken<Send>('send', {
  factory: () => {
    const reach = inject(Reach);
    return (parcel) => (parcel.body.size > RESUMABLE_ABOVE_BYTES ? sendResumably(parcel, reach) : put(parcel, reach));
  },
});

/** Resolve once the agent has committed; Problem for its refusal or silence, AbortError when cancelled. */
function put({ ticketed, body, tell, signal }: Parcel, reach: Reach): Promise<void> {
  return new Promise((resolve, reject) => {
    // XMLHttpRequest tells how much has gone: the one thing that fetch cannot.
    const request = new XMLHttpRequest();
    request.open('PUT', ticketed.upload_url);
    request.setRequestHeader('Authorization', `Bearer ${ticketed.ticket}`);
    request.upload.onprogress = (event) => tell(event.loaded);
    request.onload = () => (request.status === 200 ? resolve() : reject(refusal(request.responseText, request.status)));
    request.onerror = () => void silence(body, ticketed.upload_url, reach).then(reject);
    request.onabort = () => reject(new DOMException('The upload was paused.', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}
