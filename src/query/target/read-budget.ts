/**
 * What one query may read: bounds on series, samples and bytes, for all its reads together.
 */
import { TargetError } from './failure.ts';

export interface ReadBounds {
  readonly maxSeries: number;
  readonly maxSamples: number;
  /** Of bodies as they come, from all servers. */
  readonly maxBytes: number;
}

type Counted = 'series' | 'samples' | 'bytes';

/** Counts for one query. */
export class ReadBudget {
  readonly bounds: ReadBounds;
  readonly #taken = { series: 0, samples: 0, bytes: 0 };

  constructor(bounds: ReadBounds) {
    this.bounds = bounds;
  }

  get series(): number {
    return this.#taken.series;
  }

  get samples(): number {
    return this.#taken.samples;
  }

  get bytes(): number {
    return this.#taken.bytes;
  }

  /** @internal for `ReadAccount` */
  take(what: Counted, count: number, server: string): void {
    this.#taken[what] += count;
    const bound = this.left(what);
    if (bound >= 0) return;
    const { maxSeries, maxSamples, maxBytes } = this.bounds;
    const max = { series: maxSeries, samples: maxSamples, bytes: maxBytes }[what];
    const said = `the query reads more than ${max.toLocaleString('en-US')} ${what}`;
    throw new TargetError('too-big', server, said);
  }

  /** @internal for `ReadAccount` */
  left(what: Counted): number {
    const { maxSeries, maxSamples, maxBytes } = this.bounds;
    const max = { series: maxSeries, samples: maxSamples, bytes: maxBytes }[what];
    return max - this.#taken[what];
  }
}

/** What one read has taken of the budget: a read that fails gives all of it back. */
export class ReadAccount {
  readonly #budget: ReadBudget;
  readonly #server: string;
  readonly #taken = { series: 0, samples: 0, bytes: 0 };

  constructor(budget: ReadBudget, server: string) {
    this.#budget = budget;
    this.#server = server;
  }

  /** @throws {TargetError} `too-big` */
  take(what: Counted, count: number): void {
    this.#taken[what] += count;
    this.#budget.take(what, count, this.#server);
  }

  left(what: Counted): number {
    return this.#budget.left(what);
  }

  giveBack(): void {
    for (const what of ['series', 'samples', 'bytes'] as const) {
      this.#budget.take(what, -this.#taken[what], this.#server);
      this.#taken[what] = 0;
    }
  }
}
