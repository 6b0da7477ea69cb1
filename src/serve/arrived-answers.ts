/**
 * The answers of a scrape that have arrived, and a scraper that gives them again: for a reader whose
 * deadline comes before the scrape that it shares has ended.
 *
 * The reader's page is made of copies, since the scrape may free its pages at any time.
 */
import type { ScrapeAnswer } from '../fetch/answer.ts';
import type { Scraper } from '../fetch/fan-out.ts';
import type { Lease } from '../fetch/lease.ts';
import type { ScrapeRequest } from '../fetch/scrape-run.ts';
import type { ScrapeTarget } from '../fetch/target.ts';

export class ArrivedAnswers {
  readonly #scraper: Pick<Scraper, 'lease'>;
  readonly #answers = new Map<ScrapeTarget, ScrapeAnswer>();
  readonly #startedMs = performance.now();
  #isClosed = false;

  /** @param scraper - bounds the bytes of the copies */
  constructor(scraper: Pick<Scraper, 'lease'>) {
    this.#scraper = scraper;
  }

  add(answer: ScrapeAnswer): void {
    if (!this.#isClosed) this.#answers.set(answer.target, answer);
  }

  /** Forgets the answers: the scrape restarts, and their pages are about to be freed. */
  clear(): void {
    this.#answers.clear();
  }

  /** Forgets the answers for good: the scrape has ended. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }

  /** A scraper that answers at once, from what has arrived. */
  replay(): Pick<Scraper, 'lease' | 'scrape'> {
    return {
      lease: () => this.#scraper.lease(),
      scrape: (request) => this.#scrape(request),
    };
  }

  async #scrape({ targets, lease, onAnswer }: ScrapeRequest): Promise<ScrapeAnswer[]> {
    const copies = new Map(targets.map((target) => [target, this.#copyOf(target, lease)]));
    const answers: ScrapeAnswer[] = [];
    for (const [index, first] of targets.entries()) {
      let target: ScrapeTarget | undefined = first;
      while (target) {
        const answer: ScrapeAnswer = copies.get(target) ?? this.#copyOf(target, lease);
        answers[index] = answer;
        target = await onAnswer?.(answer, index);
      }
    }
    return answers;
  }

  #copyOf(target: ScrapeTarget, lease: Lease): ScrapeAnswer {
    const answer = this.#answers.get(target);
    if (answer === undefined) {
      const durationSeconds = (performance.now() - this.#startedMs) / 1000;
      return { target, durationSeconds, bodyBytes: 0, failure: 'timeout' };
    }
    if (answer.page === undefined) return answer;
    const { body, ...page } = answer.page;
    const { durationSeconds, bodyBytes } = answer;
    if (lease.charge(target.space, body.length) !== true) {
      return { target, durationSeconds, bodyBytes, failure: 'over-budget' };
    }
    return { target, durationSeconds, bodyBytes, page: { ...page, body: copied(body) } };
  }
}

/** Behind the body: see `ScrapeAnswer`. */
const SPARE_BYTES = 16;

/** A copy with memory of its own, which can be freed. */
function copied(body: Buffer): Buffer {
  const copy = Buffer.from(new ArrayBuffer(body.length + SPARE_BYTES), 0, body.length);
  body.copy(copy);
  return copy;
}
