// What a page asks for: the newest answer, that it is on its way, or the problem. An older question is cancelled.
import { signal } from '@angular/core';
import { asProblem, isCancelled, type ProblemBody } from '../api/problem';

export class Loading<T> {
  readonly value = signal<T | undefined>(undefined);
  readonly problem = signal<ProblemBody | undefined>(undefined);
  readonly isOn = signal(false);
  private rein = new AbortController();

  async load(ask: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.stop();
    const rein = (this.rein = new AbortController());
    this.isOn.set(true);
    try {
      const value = await ask(rein.signal);
      if (!rein.signal.aborted) this.settle(value, undefined);
    } catch (error) {
      if (!rein.signal.aborted && !isCancelled(error)) this.settle(this.value(), asProblem(error).body);
    }
  }

  stop(): void {
    this.rein.abort();
    this.isOn.set(false);
  }

  private settle(value: T | undefined, problem: ProblemBody | undefined): void {
    this.value.set(value);
    this.problem.set(problem);
    this.isOn.set(false);
  }
}
