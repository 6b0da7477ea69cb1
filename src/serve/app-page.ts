/**
 * The merged page of an app: asks the instances for their pages, merges what they answer, says how
 * each did.
 *
 * Every failure is in the page; only the caller knows whether it is one of the whole request.
 */
import type { AppIdentity, Instance } from '../discover/instance.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { FormatName } from '../exposition/grammar.ts';
import { formatsOf, type Negotiated } from '../exposition/negotiate.ts';
import type { ScrapeAnswer } from '../fetch/answer.ts';
import type { EndpointChoice } from '../fetch/endpoint-choice.ts';
import type { ExternalExporter } from '../fetch/exporter.ts';
import type { Failure } from '../fetch/failure.ts';
import type { Scraper } from '../fetch/fan-out.ts';
import type { ScrapeHeaders } from '../fetch/forward.ts';
import type { Lease } from '../fetch/lease.ts';
import { freePages } from '../fetch/memory.ts';
import {
  type AddedPage,
  type AddedSamples,
  type Duplicates,
  GivenUpError,
  Merge,
  type MergeOptions,
  type TakenOut,
} from '../merge/merge.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { type AskedPage, pagesToAsk, type Wanted } from './asked-pages.ts';
import { type Answered, Questions } from './asking.ts';
import { printReport } from './report.ts';

export interface AppPageSettings extends Pick<MergeOptions, 'labelConflict' | 'exportJob'> {
  readonly scraper: Scraper;
  readonly exporters: readonly ExternalExporter[];
  /** Remembers which endpoint of an instance with several gave its page. */
  readonly choice?: EndpointChoice | undefined;
  readonly observers: AppPageObservers;
}

/**
 * Pages that have come are merged for this much longer than instances are waited for: half of what a
 * reader's timeout keeps back at least.
 */
const MERGE_GRACE_MS = 250;

/** Told when all have answered. Must not throw. */
export interface AppPageObservers {
  readonly onOutcomes?: (outcomes: readonly Outcome[]) => void;
  readonly onTypeConflicts?: (count: number) => void;
  /** Samples that spoke in promgate's name. */
  readonly onDroppedSamples?: (count: number) => void;
  /** Samples that the app's bindings do not want. */
  readonly onFilteredSamples?: (count: number) => void;
  /** Samples of series that an earlier page of the same instance gave. */
  readonly onDuplicateSamples?: (count: number) => void;
  /** Samples of OpenMetrics whose timestamp text cannot say: they go without it. */
  readonly onUndatedSamples?: (count: number) => void;
}

export interface AppPageRequest extends Wanted {
  readonly headers: ScrapeHeaders;
  readonly negotiated: Negotiated;
  /** On the scale of `performance.now()`. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Aborts when the page is wanted now, with what has arrived. */
  readonly hurry?: AbortSignal | undefined;
}

/** How one page of an instance, or an exporter, did. */
export interface Outcome {
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The request target asked. */
  readonly path: string;
  readonly durationSeconds: number;
  readonly bytes: number;
  /** Of those in the merged page. */
  readonly samples: number;
  readonly failure: Failure | undefined;
  /** The HTTP status, where that is why it failed. */
  readonly status: number | undefined;
  /** For the log: what is wrong with the page, or what broke it. */
  readonly detail: string | undefined;
}

/** A merged page that is ready to be spliced. Disposal frees its bytes: the plan is void then. */
export interface AppPage extends Disposable {
  readonly plan: SplicePlan;
  readonly format: FormatName;
  readonly outcomes: readonly Outcome[];
  /**
   * Takes room for bytes that are ready for a slow reader.
   *
   * @returns for how many there is room now
   */
  readonly hold: (mostBytes: number) => number;
  /** The plan is void from now on: of its room so many bytes are still needed. */
  readonly shrink: (bytes: number) => void;
}

/** @throws the reason of the signal when the reader has left; else only for a mistake of ours */
export async function loadAppPage(
  settings: AppPageSettings,
  request: AppPageRequest,
): Promise<AppPage> {
  const { scraper, labelConflict, exportJob, observers } = settings;
  const { negotiated, headers, deadlineMs, signal, hurry } = request;
  const { choice } = settings;
  const asked = pagesToAsk(settings.exporters, { ...request, choice });
  const { escaping, preferOpenMetrics } = negotiated;
  const newMerging = (): Merging => {
    const merging: Merging = {
      adding: [],
      questions: new Questions(asked, {
        ...{ choice, deadlineMs, signal },
        refuse: (page) => (page.instance?.ambiguous ? notAsked(page, 'ambiguous') : undefined),
      }),
      waiting: undefined,
      isVoid: false,
      merge: new Merge({
        ...{ labelConflict, exportJob, escaping, preferOpenMetrics },
        learn: asked.length > 1,
        pages: asked.length,
        givesUp: () =>
          signal.aborted || merging.isVoid || performance.now() > deadlineMs + MERGE_GRACE_MS,
      }),
    };
    return merging;
  };
  let merging = newMerging();
  using resources = new DisposableStack();
  const lease = resources.use(scraper.lease());
  await scraper.scrape({
    targets: merging.questions.targets,
    headers,
    deadlineMs,
    signal,
    hurry,
    lease,
    onAnswer: (answer, index) => {
      const { questions } = merging;
      const { page, place } = questions.at(index);
      const taken = takeAnswer(merging, page, { answer, place, observers, lease, signal });
      merging.adding.push(taken);
      return taken.then(
        (outcome) => questions.answer(index, outcome),
        () => undefined, // thrown below, once all have answered
      );
    },
    onRestart: async () => {
      const given = merging;
      given.isVoid = true;
      merging = newMerging();
      await Promise.allSettled(given.adding);
    },
  });
  await Promise.all(merging.adding);
  const { merge } = merging;
  const answers = merging.questions.answers;
  const { format, takenOut, duplicates, undated } = await merge.settle();
  if (undated > 0) observers.onUndatedSamples?.(undated);
  const outcomes = answers.map(({ result }) => result);
  for (const { place, error } of takenOut) {
    if (outcomes[place]!.failure !== undefined) continue; // it had no room either
    outcomes[place] = failed(outcomes[place]!, takenOutFailure(error, signal), error.message);
  }
  if (duplicates.length > 0) takeOff(outcomes, duplicates, observers);
  if (signal.aborted) {
    observers.onOutcomes?.(outcomes);
    throw signal.reason; // nobody reads the page: thousands may end together
  }
  const plan = await merge.plan(format, report(answers, outcomes, format));
  if (plan.conflicts > 0) observers.onTypeConflicts?.(plan.conflicts);
  observers.onOutcomes?.(outcomes);
  const free = (): void => freePages(plan.sources.map(({ page }) => page.body.bytes));
  resources.defer(free);
  const held = resources.move();
  return {
    ...{ plan, format, outcomes },
    hold: (mostBytes) => lease.lend(mostBytes),
    shrink: (bytes) => {
      free();
      lease.shrink(bytes);
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** What is made of the answers; void when the scrape begins again. */
interface Merging {
  readonly merge: Merge;
  readonly questions: Questions<Outcome>;
  readonly adding: Promise<Outcome>[];
  /** An index that waits for its room: no other is made before. */
  waiting: Promise<unknown> | undefined;
  isVoid: boolean;
}

interface Given {
  readonly answer: ScrapeAnswer;
  readonly place: number;
  readonly observers: AppPageObservers;
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

/** Puts one answer into the merge. */
async function takeAnswer(
  merging: Merging,
  { app, instance, owner, labels, rules, target }: AskedPage,
  { answer, place, observers, lease, signal }: Given,
): Promise<Outcome> {
  const { durationSeconds, bodyBytes: bytes } = answer;
  const outcome: Outcome = {
    ...{ app, instance, path: target.path, durationSeconds, bytes, samples: 0 },
    ...{ failure: answer.failure, status: undefined, detail: undefined },
  };
  if (answer.failure !== undefined) {
    return { ...outcome, status: answer.status, detail: answer.cause };
  }
  const { formats, announced } = formatsOf(answer.page.contentType);
  const of = instance ? 'instance' : 'exporter';
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
      return failed(outcome, 'over-budget', 'no room for its index');
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

function notAsked({ app, instance, target: { path } }: AskedPage, failure: Failure): Outcome {
  return {
    ...{ app, instance, path, durationSeconds: 0, bytes: 0, samples: 0 },
    ...{ failure, status: undefined, detail: 'several instances claim its address' },
  };
}

/** @throws {ExpositionError} of the first format, where it is none of them */
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

function takenOutFailure(error: TakenOut['error'], signal: AbortSignal): Failure {
  if (error instanceof GivenUpError) return lateFailure(signal);
  return error.kind === 'too-large' ? 'too-large' : 'invalid';
}

/** Why a page whose turn came too late was not merged. */
function lateFailure(signal: AbortSignal): Failure {
  return signal.aborted ? 'aborted' : 'timeout';
}

/** Duplicates are found once all pages are in, when their samples are counted already. */
function takeOff(
  outcomes: Outcome[],
  duplicates: readonly Duplicates[],
  { onDuplicateSamples }: AppPageObservers,
): void {
  let sum = 0;
  for (const { place, samples } of duplicates) {
    const outcome = outcomes[place]!; // the merge names places that it was given
    outcomes[place] = { ...outcome, samples: outcome.samples - samples };
    sum += samples;
  }
  onDuplicateSamples?.(sum);
}

function failed(outcome: Outcome, failure: Failure, detail: string): Outcome {
  return { ...outcome, samples: 0, failure, detail };
}

/** What promgate itself says of those asked, printed behind all pages. */
function report(
  answers: readonly Answered<Outcome>[],
  outcomes: readonly Outcome[],
  format: FormatName,
): Buffer {
  const reported = outcomes.map((outcome, at) => ({
    ...outcome,
    ...answers[at]!.page, // one for each
    labels: answers[at]!.page.reported,
    page: answers[at]!.page.reportedPage,
  }));
  const exporters = reported
    .filter(({ instance }) => instance === undefined)
    .map((one) => ({ ...one, name: one.target.exporter ?? '', host: one.target.host }));
  const instances = reported.filter(({ instance }) => instance !== undefined);
  return printReport(instances, exporters, format);
}
