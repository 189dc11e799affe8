// What tests of components stand on: an archive that answers what it is told, and a page of one component.
import { provideZonelessChangeDetection, type Provider, type Type } from '@angular/core';
import { TestBed, type ComponentFixture } from '@angular/core/testing';
import { provideRouter } from '@angular/router';
import { FETCH } from '../api/archive';
import type { ProblemBody } from '../api/problem';
import { Language } from '../language/language';
import { Session } from '../session/session';
import { REST } from '../uploads/courier';

export const AWAY: ProblemBody = { type: 't', title: 'Away', status: 503, detail: 'It is away.', code: 'database_unavailable', trace_id: 'trace-1' };
export const GONE: ProblemBody = { type: 't', title: 'Not found', status: 404, detail: 'No.', code: 'not_found', trace_id: 'trace-2' };
export const CLOSED: ProblemBody = { type: 't', title: 'Not allowed', status: 403, detail: 'No.', code: 'permission_denied' };

const PATIENCE_MS = 3000;

type Answer = (request: Request) => Response | Promise<Response>;

/** Answers by the end of the path, the newest first; whatever else is asked for is not found. */
export class ArchiveDouble {
  readonly asked: string[] = [];
  private readonly answers: [string, Answer][] = [];

  on(path: string, answer: unknown): this {
    const say: Answer = typeof answer === 'function' ? (answer as Answer) : () => Response.json(answer);
    this.answers.unshift([path, say]);
    return this;
  }

  refuse(path: string, problem: ProblemBody): this {
    return this.on(path, () => Response.json(problem, { status: problem.status }));
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    this.asked.push(`${request.method} ${pathname}${search}`);
    const found = this.answers.find(([path]) => pathname.endsWith(path));
    return found === undefined ? Response.json(GONE, { status: 404 }) : found[1](request);
  };
}

export class Shown<T> {
  constructor(readonly fixture: ComponentFixture<T>) {}

  get element(): HTMLElement {
    return this.fixture.nativeElement as HTMLElement;
  }

  get text(): string {
    return (this.element.textContent ?? '').replace(/\s+/g, ' ').trim();
  }

  all(mark: string): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>(`[data-testid="${mark}"]`)];
  }

  said(mark: string): string | undefined {
    return this.all(mark)[0]?.textContent?.replace(/\s+/g, ' ').trim();
  }

  get buttons(): string[] {
    return [...this.element.querySelectorAll('button, a.btn')].map((button) => (button.textContent ?? '').trim() || (button.getAttribute('title') ?? ''));
  }

  click(text: string): void {
    const found = [...this.element.querySelectorAll<HTMLElement>('button, a')].find((button) => (button.textContent ?? '').trim() === text);
    if (found === undefined) throw new Error(`there is no button ${text} among ${this.buttons.join(', ')}`);
    found.click();
  }

  set(inputs: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(inputs)) this.fixture.componentRef.setInput(name, value);
  }

  /** Wait until `tells` no longer fails; the page is drawn before each look. */
  async until(tells: () => void): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      await this.fixture.whenStable();
      try {
        return tells();
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}

export function testing(archive: ArchiveDouble, ...providers: Provider[]): void {
  TestBed.configureTestingModule({
    providers: [
      provideZonelessChangeDetection(),
      provideRouter([{ path: '**', children: [] }]),
      { provide: FETCH, useValue: archive.fetch },
      { provide: REST, useValue: () => new Promise((resolve) => setTimeout(resolve)) },
      ...providers,
    ],
  });
  sessionStorage.clear();
  TestBed.inject(Language).choose('en');
  TestBed.inject(Session).begin(`a.${btoa('{"exp":99999999999,"login":"anna"}')}.b`);
}

export function show<T>(component: Type<T>, inputs: Record<string, unknown> = {}): Shown<T> {
  const shown = new Shown(TestBed.createComponent(component));
  shown.set(inputs);
  shown.fixture.detectChanges();
  return shown;
}
