/**
 * What is asked of whom in one scrape, and what came of it. A page that an endpoint does not give is
 * asked for at the instance's other endpoints, one after the other, while there is time.
 */
import type { EndpointChoice } from '../fetch/endpoint-choice.ts';
import type { Failure } from '../fetch/failure.ts';
import type { ScrapeTarget } from '../fetch/target.ts';
import type { AskedPage } from './asked-pages.ts';

/** What becomes of a page. */
interface Result {
  readonly failure: Failure | undefined;
}

export interface QuestionsOptions<R extends Result> {
  /** Learns which endpoint gave the page. */
  readonly choice: EndpointChoice | undefined;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** The result of a page that is not to be asked for. */
  readonly refuse: (page: AskedPage) => R | undefined;
}

/** What came of one page: whom it was asked of, and the result. */
export interface Answered<R> {
  readonly page: AskedPage;
  readonly result: R;
}

interface Question {
  /** Among all pages. */
  readonly place: number;
  /** Being asked for now. */
  page: AskedPage;
  /** Where it may be asked for after that. */
  elsewhere: readonly AskedPage[];
}

/** Failures after which promgate asks no other endpoint, since each would fail alike. */
const FINAL: ReadonlySet<Failure> = new Set<Failure>(['aborted', 'over-budget', 'no-descriptors']);

export class Questions<R extends Result> {
  /**
   * One for each page, in their order, once all are answered: the first result without a failure, or
   * else what the endpoint asked first gave.
   */
  readonly answers: Answered<R>[];
  readonly #open: Question[] = [];
  readonly #options: QuestionsOptions<R>;

  constructor(asked: readonly AskedPage[], options: QuestionsOptions<R>) {
    this.#options = options;
    this.answers = new Array(asked.length);
    for (const [place, page] of asked.entries()) this.#put(place, page);
  }

  #put(place: number, page: AskedPage): void {
    const { refuse } = this.#options;
    const refused = refuse(page);
    const endpoints = [page, ...page.elsewhere].filter((one) => refuse(one) === undefined);
    const [first, ...elsewhere] = endpoints;
    if (first) this.#open.push({ place, page: first, elsewhere });
    else if (refused) this.answers[place] = { page, result: refused };
  }

  /** The first target of each open page. */
  get targets(): readonly ScrapeTarget[] {
    return this.#open.map(({ page }) => page.target);
  }

  /** @param index - among `targets` */
  at(index: number): Pick<Question, 'place' | 'page'> {
    return this.#open[index]!; // the scraper names the targets that it was given
  }

  /** @returns the target to ask next; undefined when the result is final */
  answer(index: number, result: R): ScrapeTarget | undefined {
    const question = this.#open[index]!; // as above
    const { place, page } = question;
    if (result.failure === undefined || !this.answers[place]) {
      this.answers[place] = { page, result };
    }
    const next = this.#next(question, result.failure);
    if (next === undefined) return undefined;
    question.page = next;
    question.elsewhere = question.elsewhere.slice(1);
    return next.target;
  }

  #next({ page, elsewhere }: Question, failure: Failure | undefined): AskedPage | undefined {
    const { choice, signal, deadlineMs } = this.#options;
    const { owner, instance, target } = page;
    const [next] = elsewhere;
    if (!owner?.others || !instance) return undefined;
    if (failure === undefined) choice?.prefer(owner, target.path, instance);
    if (failure === undefined || next === undefined || FINAL.has(failure)) return undefined;
    if (!signal.aborted && performance.now() < deadlineMs) return next;
    // The time went to an endpoint that hangs: the next scrape begins with another.
    if (next.instance) choice?.prefer(owner, target.path, next.instance);
    return undefined;
  }
}
