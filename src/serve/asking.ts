/**
 * Asks for the pages of one request. A page that an endpoint does not give is asked for at the
 * instance's other endpoints, one after the other, while there is time.
 */
import type { ScrapeAnswer } from '../fetch/answer.ts';
import type { EndpointChoice } from '../fetch/endpoint-choice.ts';
import type { Failure } from '../fetch/failure.ts';
import type { ScrapeRequest, Scraper } from '../fetch/fan-out.ts';
import type { AskedPage } from './asked-pages.ts';

export interface Asking<Result> extends Omit<ScrapeRequest, 'targets' | 'onAnswer'> {
  readonly scraper: Scraper;
  /** Learns which endpoint gave the page. */
  readonly choice: EndpointChoice | undefined;
  /** The result of a page that is not to be asked for. */
  readonly refuse: (page: AskedPage) => Result | undefined;
  /** Takes an answer; rejects only for a mistake of ours. */
  readonly take: (page: AskedPage, place: number, answer: ScrapeAnswer) => Promise<Result>;
}

/** What came of one page: whom it was asked of, and the result. */
export interface Answered<Result> {
  readonly page: AskedPage;
  readonly result: Result;
}

/** A page to be asked for, its place among all, and where it may be asked for after that. */
interface Question {
  readonly page: AskedPage;
  readonly place: number;
  readonly elsewhere: readonly AskedPage[];
}

/** Failures that another endpoint would have, too. */
const FINAL: ReadonlySet<Failure> = new Set<Failure>(['aborted', 'over-budget']);

/**
 * @returns one for each page, in their order: the first result without a failure, or else what the
 *   endpoint asked first gave
 */
export async function askForAll<Result extends { readonly failure: Failure | undefined }>(
  asked: readonly AskedPage[],
  asking: Asking<Result>,
): Promise<Answered<Result>[]> {
  const answered: Answered<Result>[] = new Array(asked.length);
  let round = asked.map((page, place): Question => {
    return { page, place, elsewhere: page.elsewhere };
  });
  while (round.length > 0) {
    const results = await askOnce(round, asking);
    const next: Question[] = [];
    for (const [at, question] of round.entries()) {
      const { page, place } = question;
      const result = results[at]!; // one for each question
      if (result.failure === undefined || !answered[place]) answered[place] = { page, result };
      if (asked[place]!.elsewhere.length > 0) next.push(...follow(question, result, asking));
    }
    round = next;
  }
  asking.scraper.fetched(asking.lease);
  return answered;
}

/** What is to be asked after this result, of an instance with several endpoints. */
function follow<Result extends { readonly failure: Failure | undefined }>(
  { page, place, elsewhere }: Question,
  { failure }: Result,
  { choice, deadlineMs, signal }: Asking<Result>,
): Question[] {
  const { owner, instance, target } = page;
  const [next, ...later] = elsewhere;
  if (owner === undefined || instance === undefined) return [];
  if (failure === undefined) choice?.prefer(owner, target.path, instance);
  if (failure === undefined || next === undefined || FINAL.has(failure)) return [];
  if (!signal.aborted && performance.now() < deadlineMs) {
    return [{ page: next, place, elsewhere: later }];
  }
  // The time went to an endpoint that hangs: the next scrape begins with another.
  if (next.instance) choice?.prefer(owner, target.path, next.instance);
  return [];
}

async function askOnce<Result>(
  round: readonly Question[],
  { scraper, refuse, take, choice: _, ...request }: Asking<Result>,
): Promise<Result[]> {
  const questions = new Map(round.map((question, at) => [question.page.target, { question, at }]));
  const taking: (Promise<Result> | Result | undefined)[] = round.map(({ page }) => refuse(page));
  await scraper.scrape({
    ...request,
    targets: round.flatMap(({ page }, at) => (taking[at] === undefined ? page.target : [])),
    onAnswer: (answer) => {
      const { question, at } = questions.get(answer.target)!; // one of those asked
      const taken = take(question.page, question.place, answer);
      taken.catch(() => undefined); // thrown below, once all have answered: nobody listens yet
      taking[at] = taken;
    },
  });
  return await Promise.all(taking.map((result) => result!)); // each was refused or asked
}
