/**
 * Takes one answer: adds its page to the merge if the byte budget has room for the page's index.
 */
import { ExpositionError } from '../exposition/error.ts';
import type { FormatName } from '../exposition/grammar.ts';
import { formatsOf } from '../exposition/negotiate.ts';
import type { ScrapeAnswer } from '../fetch/answer.ts';
import type { Lease } from '../fetch/lease.ts';
import type { AddedPage, AddedSamples, Merge } from '../merge/merge.ts';
import { GivenUpError } from '../merge/settled.ts';
import type { AskedPage } from './asked-pages.ts';
import type { Questions } from './asking.ts';
import { type AppPageObservers, failed, lateFailure, type Outcome } from './outcome.ts';

/** The answers of a scrape and their merge; void once the scrape restarts. */
export interface Merging {
  readonly merge: Merge;
  readonly questions: Questions<Outcome>;
  /** The outcomes of the answers, resolved when the answer is taken. */
  readonly adding: Promise<Outcome>[];
  /** The latest index that had to wait for room: further pages are indexed only after the wait. */
  waiting: Promise<unknown> | undefined;
  /** Whether the scrape has restarted since. */
  isVoid: boolean;
}

interface AnswerContext {
  readonly answer: ScrapeAnswer;
  /** The page's place in the order of the merged page. */
  readonly place: number;
  readonly observers: AppPageObservers;
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

/** Adds one answer to the merge. @returns the outcome of its page */
export async function takeAnswer(
  merging: Merging,
  { app, instance, owner, of, labels, rules, target }: AskedPage,
  { answer, place, observers, lease, signal }: AnswerContext,
): Promise<Outcome> {
  const { durationSeconds, bodyBytes: bytes } = answer;
  const outcome: Outcome = {
    ...{ app, instance, path: target.path, durationSeconds, bytes, samples: 0 },
    ...{ failure: answer.failure, status: undefined, detail: undefined, via: target.via },
  };
  if (answer.failure !== undefined) {
    return { ...outcome, status: answer.status, detail: answer.cause };
  }
  const { formats, announced } = formatsOf(answer.page.contentType);
  const { merge } = merging;
  const pageBytes = answer.page.body.buffer.byteLength;
  try {
    if (merging.waiting !== undefined) await merging.waiting;
    const page: Omit<AddedPage, 'format'> = {
      ...{ place, of, bytes: answer.page.body, labels, rules },
      instance: target.oneOfSeveral ? owner : undefined,
    };
    const { samples, dropped, filtered, heldBytes } = await addAs(merge, page, formats);
    const charged = heldBytes === 0 || lease.charge(target.space, heldBytes);
    if (typeof charged !== 'boolean') merging.waiting = charged;
    if (!(await charged)) {
      merge.remove(place);
      if (!merging.isVoid) lease.giveBack(target.space, pageBytes);
      return failed(outcome, 'over-budget', "scrape.max_bytes has no room for the page's index");
    }
    if (dropped > 0) observers.onDroppedSamples?.(dropped);
    if (filtered > 0) observers.onFilteredSamples?.(filtered);
    return { ...outcome, samples };
  } catch (error) {
    if (error instanceof GivenUpError) return failed(outcome, lateFailure(signal), error.message);
    if (!(error instanceof ExpositionError)) throw error;
    const bad = announced ? 'invalid' : 'not-metrics';
    return failed(outcome, error.kind === 'too-large' ? 'too-large' : bad, error.message);
  }
}

/** @throws {ExpositionError} the error of the first format, if the page is in none of `formats` */
async function addAs(
  merge: Merge,
  page: Omit<AddedPage, 'format'>,
  [first = 'text', ...others]: readonly FormatName[],
): Promise<AddedSamples> {
  try {
    return await merge.add({ ...page, format: first });
  } catch (error) {
    if (others.length === 0 || !(error instanceof ExpositionError)) throw error;
    return await addAs(merge, page, others).catch((second: unknown) => {
      throw second instanceof ExpositionError ? error : second;
    });
  }
}
