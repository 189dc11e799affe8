// The archive over HTTP, typed by its own OpenAPI document: every refusal is thrown as a Problem.
import { Injectable, InjectionToken, inject } from '@angular/core';
import createClient, { type Client } from 'openapi-fetch';
import { Session } from '../session/session';
import { problemOf } from './problem';
import { Reach } from './reach';
import type { components, paths } from './schema';
import { eventsOf } from './server-sent';

type Schemas = components['schemas'];
export type Document = Schemas['DocumentBody'];
export type Documents = Schemas['Page_DocumentBody_'];
export type Hits = Schemas['Page_HitBody_'];
export type Hit = Schemas['HitBody'];
export type Integrity = Schemas['IntegrityBody'];
export type Damage = Schemas['DamageBody'];
export type Damages = Schemas['Page_DamageBody_'];
export type Limits = Schemas['LimitsBody'];
export type Link = Schemas['LinkAnswer'];
export type Element = Schemas['ElementBody'];
export type ArchiveEvent = Schemas['EventBody'];
export type Events = Schemas['Page_EventBody_'];
export type Operation = Schemas['OperationBody'];
export type Announcement = Schemas['UploadBody'];
export type Ticketed = Schemas['UploadAnswer'];

type Fetch = (request: Request) => Promise<Response>;
export const FETCH = new InjectionToken<Fetch>('fetch', { factory: () => (request) => fetch(request) });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

@Injectable({ providedIn: 'root' })
export class Archive {
  private readonly session = inject(Session);
  private readonly send = inject(FETCH);
  private readonly reach = inject(Reach);
  private readonly client: Client<paths> = createClient<paths>({
    baseUrl: location.origin,
    fetch: (request: Request) => this.authorized(request),
  });

  async signIn(username: string, password: string): Promise<void> {
    const body = { grant_type: 'password' as const, username, password };
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const found = await this.answer(this.client.POST('/api/v1/auth/token', { body, headers }));
    this.session.begin(found.access_token);
  }

  documents(cursor?: string, signal?: AbortSignal): Promise<Documents> {
    const query = { limit: 100, cursor };
    return this.answer(this.client.GET('/api/v1/documents', { params: { query }, signal }));
  }

  document(id: string, signal?: AbortSignal): Promise<Document> {
    const path = { document_id: id };
    return this.answer(this.client.GET('/api/v1/documents/{document_id}', { params: { path }, signal }));
  }

  /** What this installation allows. */
  limits(signal?: AbortSignal): Promise<Limits> {
    return this.answer(this.client.GET('/api/v1/limits', { signal }));
  }

  /** A link to the content that opens without signing in for so many seconds. */
  link(id: string, seconds: number, signal?: AbortSignal): Promise<Link> {
    const path = { document_id: id };
    return this.answer(this.client.POST('/api/v1/documents/{document_id}/links', { params: { path }, body: { seconds }, signal }));
  }

  search(q: string, cursor?: string, signal?: AbortSignal): Promise<Hits> {
    return this.answer(this.client.GET('/api/v1/search', { params: { query: { q, limit: 30, cursor } }, signal }));
  }

  async elements(signal?: AbortSignal): Promise<Element[]> {
    return (await this.answer(this.client.GET('/api/v1/elements', { signal }))).items;
  }

  damages(cursor?: string, signal?: AbortSignal): Promise<Damages> {
    return this.answer(this.client.GET('/api/v1/damages', { params: { query: { limit: 50, cursor } }, signal }));
  }

  events(query: { document_id?: string; correlation_id?: string; cursor?: string }): Promise<Events> {
    return this.answer(this.client.GET('/api/v1/events', { params: { query: { ...query, limit: 100 } } }));
  }

  operation(id: string, signal?: AbortSignal): Promise<Operation> {
    const path = { operation_id: id };
    return this.answer(this.client.GET('/api/v1/operations/{operation_id}', { params: { path }, signal }));
  }

  announce(body: Announcement, key: string, signal?: AbortSignal): Promise<Ticketed> {
    const header = { 'idempotency-key': key };
    return this.answer(this.client.POST('/api/v1/uploads', { body, params: { header }, signal }));
  }

  /** The operation now and at each change, until it has ended or the stream does. */
  async *follow(id: string, signal: AbortSignal): AsyncGenerator<Operation> {
    const response = await this.raw(`/api/v1/operations/${encodeURIComponent(id)}/events`, { signal });
    for await (const data of eventsOf(response.body!)) yield JSON.parse(data) as Operation;
  }

  /** The document's bytes, from the agent that holds them. */
  content(id: string, signal?: AbortSignal): Promise<Response> {
    return this.raw(`/api/v1/documents/${encodeURIComponent(id)}/content`, { signal });
  }

  /** The sealed attributes, byte for byte. */
  async attributes(id: string): Promise<Uint8Array> {
    const response = await this.raw(`/api/v1/documents/${encodeURIComponent(id)}/attributes`, {});
    return new Uint8Array(await response.arrayBuffer());
  }

  /** The agent's address of the bytes, with a ticket of a minute: what a browser saves a file from. */
  async contentAddress(id: string): Promise<string> {
    const response = await this.raw(`/api/v1/documents/${encodeURIComponent(id)}/content`, { method: 'HEAD' });
    return response.url;
  }

  private async raw(path: string, init: RequestInit): Promise<Response> {
    const response = await this.authorized(new Request(new URL(path, location.origin), init));
    if (!response.ok) throw problemOf(await response.json().catch(() => null), response.status);
    return response;
  }

  private async answer<T>(asked: Promise<Answer<T>>): Promise<T> {
    const { data, error, response } = await asked;
    if (!response.ok || data === undefined) throw problemOf(error, response.status);
    return data;
  }

  private async authorized(request: Request): Promise<Response> {
    const bearer = this.session.bearer();
    if (bearer !== null) request.headers.set('Authorization', `Bearer ${bearer.token}`);
    const response = await this.sent(request);
    if (response.status === 401 && !response.redirected && bearer !== null && bearer === this.session.bearer()) this.session.end();
    return response;
  }

  private async sent(request: Request): Promise<Response> {
    try {
      return await this.send(request);
    } catch (error) {
      if (error instanceof TypeError) throw await this.reach.whyNot(request.url);
      throw error;
    }
  }
}
