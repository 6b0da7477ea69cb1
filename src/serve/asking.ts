/**
 * The pages of one scrape: which target to ask for each, and the result. If an endpoint gives no
 * page, the scrape asks the instance's other endpoints, one after the other, while there is time.
 */
import type { EndpointChoice } from '../fetch/endpoint-choice.ts';
import type { Failure } from '../fetch/failure.ts';
import type { ScrapeTarget } from '../fetch/target.ts';
import { isUnreached } from '../fetch/ways.ts';
import type { AskedPage } from './asked-pages.ts';

/** The result of asking for a page. */
interface Result {
  readonly failure: Failure | undefined;
}

export interface QuestionsOptions<R extends Result> {
  /** Remembers which endpoint gave the page. */
  readonly choice: EndpointChoice | undefined;
  /** The deadline of the scrape, which may move. */
  readonly deadlineMs: () => number;
  readonly signal: AbortSignal;
  /** The result of a page that must not be asked for; undefined for any other page. */
  readonly refuse: (page: AskedPage) => R | undefined;
}

/** The final result of one page. */
export interface Answered<R> {
  /** The page at the endpoint that gave the result. */
  readonly page: AskedPage;
  readonly result: R;
}

interface Question {
  /** The place among all pages. */
  readonly place: number;
  /** The page at the endpoint that is asked now. */
  page: AskedPage;
  /** The same page at the endpoints not asked yet. */
  elsewhere: readonly AskedPage[];
}

/** Failures after which promgate asks no other endpoint, since any other would fail too. */
const FINAL: ReadonlySet<Failure> = new Set<Failure>(['aborted', 'over-budget', 'no-descriptors']);

export class Questions<R extends Result> {
  /**
   * One answer per page, in the order of the pages, complete once all are answered: the result
   * without a failure, or else the result of the endpoint that was asked first, by the first way that
   * reached it.
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

  /** The first target of each page that can be asked for. */
  get targets(): readonly ScrapeTarget[] {
    return this.#open.map(({ page }) => page.target);
  }

  /** @param index - index of the target in `targets` */
  at(index: number): Pick<Question, 'place' | 'page'> {
    return this.#open[index]!; // the scraper gives only indexes of `targets`
  }

  /** Takes a result. @returns the target to ask next; undefined when the result is final */
  answer(index: number, result: R): ScrapeTarget | undefined {
    const question = this.#open[index]!; // as above
    const { place, page } = question;
    const before = this.answers[place];
    if (!before || saysMore(result, page, before)) this.answers[place] = { page, result };
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
    if (!instance || !owner || (!owner.others && !next)) return undefined;
    // Another way to the same instance would hide that somebody else answers at its address, and an
    // endpoint without TLS would not tell who answers.
    const isUnsafe = next?.instance === instance || next?.target.tls === false;
    if (failure === 'tls-identity' && isUnsafe) return undefined;
    if (failure === undefined && owner.others) choice?.prefer(owner, target.path, instance);
    if (failure === undefined || next === undefined || FINAL.has(failure)) return undefined;
    if (!signal.aborted && performance.now() < deadlineMs()) return next;
    // This endpoint hung until the deadline: the next scrape begins with the next endpoint.
    if (next.instance) choice?.prefer(owner, target.path, next.instance);
    return undefined;
  }
}

/** Whether a later result is to be reported in place of an earlier one. */
function saysMore(
  { failure }: Result,
  { instance }: AskedPage,
  { page, result: { failure: before } }: Answered<Result>,
): boolean {
  if (failure === undefined) return true;
  const isSame = instance !== undefined && page.instance === instance;
  return isSame && before !== undefined && isUnreached(before) && !isUnreached(failure);
}
