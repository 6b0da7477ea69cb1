/**
 * Hands pushes to the ledger, and makes answers of what comes back.
 */

import { type Label, printLabels } from '../push/labels.ts';
import type { Push, PushLedger, Tenancy } from '../push/push.ts';
import { type PushedPage, sampleCount } from '../push/pushed-page.ts';
import type { BodyLayout } from '../push/read/body-layout.ts';
import { type PushedBody, readBody } from '../push/read/read-body.ts';
import { type LimitDetails, PUSH_REFUSALS, PushRefusal } from '../push/refusal.ts';
import { Problem } from './errors.ts';
import {
  acceptedAnswer,
  isNoted,
  type PushAnswer,
  type PushInterface,
  QUEUED,
  refusalAnswer,
} from './push-answers.ts';
import { duplicateLabel } from './push-path.ts';
import { type PushIntent, type PushSettings, pushHash } from './push-request.ts';

/** How a push ended: a closed set. */
export const PUSH_RESULTS = [
  ...['ok', 'replay', 'queued'],
  ...PUSH_REFUSALS,
  ...['busy', 'request-timeout', 'forbidden', 'left', 'internal'],
] as const;

/** What is known of a push when it has ended. */
export interface PushEnd {
  readonly of: PushInterface;
  /** One of `PUSH_RESULTS`. */
  readonly result: string;
  readonly tenant: string;
  readonly seconds: number;
  /** Of the body, decompressed. */
  readonly bytes: number;
  /** How many samples were pushed, and how many of their timestamps were ignored. */
  readonly samples: number;
  readonly timestamps: number;
  /** Why it was refused. */
  readonly why?: string | undefined;
  /** The limit that it would have exceeded. */
  readonly details?: LimitDetails | undefined;
}

export interface PushDeskOptions {
  readonly ledger: PushLedger;
  /** `push.consistency_check`; if false, pushes in replace mode are answered before their check. */
  readonly checks: boolean;
  /** Must not throw. */
  readonly onEnd: (end: PushEnd) => void;
}

/** Bounds on pushes that are answered before their check; beyond, the next one waits. */
const MAX_QUEUED = 1_000;
const MAX_QUEUED_BYTES = 33_554_432;

/** What is known of a push, also before its body is read. */
export interface PushFacts {
  readonly intent: Pick<PushIntent, 'of' | 'tenant' | 'forced' | 'path'>;
  /** See `PushEnd`. */
  readonly samples: number;
  readonly bytes: number;
  readonly beganMs: number;
}

export interface PushWork extends PushFacts {
  readonly intent: PushIntent;
  readonly page: PushedPage;
  readonly id: Push['id'];
}

/** A push whose body is there, but not read yet. */
export interface ArrivedPush {
  readonly intent: PushIntent;
  /** From `Idempotency-Key`. */
  readonly key: string | undefined;
  readonly settings: PushSettings;
  /** Decompressed. */
  readonly body: Buffer;
  readonly beganMs: number;
  /** Of an equal push before it. */
  readonly known?: KnownBody | undefined;
}

/** A body by which bodies are read that differ from it in values only. */
export interface KnownBody {
  readonly layout: BodyLayout;
  readonly samples: number;
}

/** The answer to a push, and what later pushes that differ in values only have in common with it. */
export interface TakenPush {
  readonly answer: PushAnswer;
  /** Makes the layout of the body: at once or never. Undefined for pushes that were refused. */
  readonly layout: (() => BodyLayout | undefined) | undefined;
  readonly samples: number;
}

export class PushDesk {
  readonly #options: PushDeskOptions;
  #queued = 0;
  #queuedBytes = 0;
  /** The last push of each group that was answered before its check. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(options: PushDeskOptions) {
    this.#options = options;
  }

  get ledger(): PushLedger {
    return this.#options.ledger;
  }

  /** Reads the body of a push, and hands the push over. @throws as `push` does */
  async take({ intent, key, settings, body, beganMs, known }: ArrivedPush): Promise<TakenPush> {
    const facts = { intent, samples: 0, bytes: body.length, beganMs };
    try {
      const read = readKnown(body, known) ?? (await readWhole(body, intent, settings));
      const { page, samples, layout } = read;
      const id = key === undefined ? undefined : { key, hash: pushHash(intent, body) };
      const answer = await this.push({ ...facts, page, id, samples });
      return { answer, layout: answer.status < 300 ? layout : undefined, samples };
    } catch (error) {
      if (!(error instanceof PushRefusal)) throw error;
      return { answer: await this.refused(facts, error), layout: undefined, samples: 0 };
    }
  }

  /** @throws whatever is no refusal: a bug of promgate */
  async push(work: PushWork): Promise<PushAnswer> {
    const { intent } = work;
    if (intent.of === 'group' && !this.#options.checks && this.#hasRoom(work)) {
      this.#queue(work);
      return QUEUED;
    }
    if (this.#last.size > 0) await this.settled(intent, intent.path);
    return this.#push(work);
  }

  #hasRoom({ bytes }: PushFacts): boolean {
    return this.#queued < MAX_QUEUED && this.#queuedBytes + bytes <= MAX_QUEUED_BYTES;
  }

  /** Pushes of one group are booked in their order, although a large one takes longer. */
  #queue(work: PushWork): void {
    this.#queued += 1;
    this.#queuedBytes += work.bytes;
    const group = groupOf(work.intent, work.intent.path);
    const last = (this.#last.get(group) ?? Promise.resolve())
      .then(() => this.#push(work))
      .catch((error: unknown) => this.failed(work, error))
      .then(() => {
        this.#queued -= 1;
        this.#queuedBytes -= work.bytes;
        if (this.#last.get(group) === last) this.#last.delete(group);
      });
    this.#last.set(group, last);
  }

  /** Resolves when all pushes of a group have ended that were answered before. */
  async settled(tenancy: Pick<Tenancy, 'tenant'>, path: readonly Label[]): Promise<void> {
    await this.#last.get(groupOf(tenancy, path));
  }

  async #push(work: PushWork): Promise<PushAnswer> {
    const { intent, page, id } = work;
    const { tenant, forced, rules, replaces, path, of } = intent;
    try {
      const accepted = await this.#options.ledger.push({
        ...{ tenant, forced, rules, replaces, path, page, id },
      });
      if (accepted.isReplay) this.#end(work, 'replay');
      else this.#end(work, 'ok', { timestamps: page.timestamps });
      return acceptedAnswer(of, accepted.isReplay);
    } catch (error) {
      if (error instanceof PushRefusal) return this.refused(work, error);
      throw error;
    }
  }

  /** Ends a push that was refused. In replace mode the group gets the time of some refusals. */
  async refused(work: PushFacts, refusal: PushRefusal): Promise<PushAnswer> {
    const { of, tenant, forced, path } = work.intent;
    if (isNoted(of, refusal)) {
      try {
        await this.#options.ledger.noteFailure({ tenant, forced }, path);
      } catch (error) {
        if (!(error instanceof PushRefusal)) throw error; // else the answer tells enough
      }
    }
    this.#end(work, refusal.code, { why: refusal.message, details: refusal.details });
    return refusalAnswer(of, refusal);
  }

  /** Notes a push that failed otherwise than by a refusal. */
  failed(work: PushFacts, error: unknown): void {
    if (error instanceof Problem) this.#end(work, error.code, { why: error.message });
    else this.#end(work, hasLeft(error) ? 'left' : 'internal', { why: String(error) });
  }

  #end(
    { intent, samples, bytes, beganMs }: PushFacts,
    result: string,
    more: Partial<Pick<PushEnd, 'timestamps' | 'why' | 'details'>> = {},
  ): void {
    const seconds = (performance.now() - beganMs) / 1000;
    const { of, tenant } = intent;
    this.#options.onEnd({ of, result, tenant, seconds, bytes, samples, timestamps: 0, ...more });
  }
}

function groupOf({ tenant }: Pick<Tenancy, 'tenant'>, path: readonly Label[]): string {
  return `${tenant}\n${printLabels(path)}`;
}

function hasLeft(error: unknown): boolean {
  return error instanceof Error && ['AbortError', 'ECONNRESET'].includes(codeOf(error));
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

interface ReadPage extends PushedBody {
  readonly samples: number;
}

function readKnown(body: Buffer, known: KnownBody | undefined): ReadPage | undefined {
  const values = known?.layout.read(body);
  if (!known || !values) return undefined;
  const { layout, samples } = known;
  return { page: { ...layout.page, values }, layout: () => layout, samples };
}

/** @throws {PushRefusal} */
async function readWhole(
  body: Buffer,
  intent: PushIntent,
  { series }: PushSettings,
): Promise<ReadPage> {
  const { contentType, rules } = intent;
  const read = await readBody(body, { contentType, mode: rules.mode, maxSeries: series });
  if (intent.of === 'aggregation') checkLabels(intent, read.page);
  return { ...read, samples: samplesOf(read.page) };
}

/** prom-aggregation-gateway refuses a body that has a label of the path. @throws {PushRefusal} */
function checkLabels({ path }: PushIntent, { families }: Pick<PushedPage, 'families'>): void {
  if (path.length === 0) return;
  const names = new Set(path.map(([name]) => name));
  for (const { metrics } of families) {
    for (const { labels } of metrics) {
      const double = labels.find(([name]) => names.has(name));
      if (double) throw duplicateLabel(double[0]);
    }
  }
}

/** How many samples a page has. */
function samplesOf({ families }: Pick<PushedPage, 'families'>): number {
  let samples = 0;
  for (const { type, metrics } of families) {
    for (const { bounds } of metrics) samples += sampleCount(type, bounds);
  }
  return samples;
}
