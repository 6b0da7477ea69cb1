/**
 * `POST /api/v1/read`: remote read, so that a Prometheus, or another promgate, may read from here.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/
 */
import { everyTurn } from '../../clock.ts';
import type { Matcher, SeriesBlock, Storage } from '../../promql/evaluate/storage.ts';
import type { QueryScope } from '../../query/federation.ts';
import {
  chunkFrames,
  SampledResult,
  sampledMessage,
  sortBlocks,
} from '../../query/remote-read/read-answer.ts';
import {
  decodeReadRequest,
  type ReadQuery,
  type ReadRequest,
  ReadRequestError,
} from '../../query/remote-read/read-request.ts';
import { QueryError } from '../query-errors.ts';
import type { Handler } from '../request.ts';
import { sendBytes } from './answer.ts';
import { type Figures, MAX_SHOWN } from './desk.ts';
import type { FederateOptions } from './federate.ts';
import { failure, inTurns } from './federated.ts';
import { type HeldBody, readBody } from './parameters.ts';
import { tenantsOf } from './tenants.ts';

/** Bound on a request as it is sent: those of a Prometheus have some hundred bytes. */
const MAX_BODY_BYTES = 1_048_576;
/** Bound on a request, decompressed. */
const MAX_REQUEST_BYTES = 4_194_304;
const CHUNKS_TYPE = 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse';
const SAMPLES_TYPE = 'application/x-protobuf';
const TURN_MS = 4;

export function remoteRead(options: FederateOptions): Handler {
  return async (ctx) => {
    using body = await readBody(ctx, MAX_BODY_BYTES);
    const scope = {
      tenants: tenantsOf(ctx.state.scope),
      partialResponse: options.partialResponse(),
      dedup: true,
    };
    // Decoded, a request may have many times its bytes: only those that run are.
    const work = { call: 'read', query: '', timeoutMs: undefined };
    await options.desk.run(ctx, work, async (run) => {
      const request = await decode(body);
      run.describe(textOf(request));
      const results = await select(options, request, scope, run.signal);
      run.sending(figuresOf(results));
      const { limits } = options;
      if (request.form === 'chunks') {
        await sendBytes(ctx, framesOf(results), { type: CHUNKS_TYPE, limits, isFinal: true });
        return;
      }
      ctx.set('Content-Encoding', 'snappy');
      const message = await messageOf(results);
      await sendBytes(ctx, message, { type: SAMPLES_TYPE, limits, isFinal: true });
    });
  };
}

/** Gives the body's room back. */
async function decode(body: HeldBody): Promise<ReadRequest> {
  using _ = body;
  try {
    return await inTurns(decodeReadRequest(body.bytes, MAX_REQUEST_BYTES));
  } catch (cause) {
    if (!(cause instanceof ReadRequestError)) throw cause;
    throw new QueryError('bad_data', `the request cannot be read: ${cause.message}`, { cause });
  }
}

/** As much of the text as is shown. */
function textOf({ queries }: ReadRequest): string {
  let text = '';
  for (const { matchers } of queries) {
    text += text === '' ? '{' : ', {';
    for (const [at, { name, op, value }] of matchers.entries()) {
      if (text.length >= MAX_SHOWN) return text;
      const [key, shown] = [name.slice(0, MAX_SHOWN), value.slice(0, MAX_SHOWN)];
      text += `${at > 0 ? ',' : ''}${key}${op}${JSON.stringify(shown)}`;
    }
    text += '}';
  }
  return text;
}

async function select(
  { federation, settings, externalLabels }: FederateOptions,
  { queries }: ReadRequest,
  scope: QueryScope,
  signal: AbortSignal,
): Promise<readonly (readonly SeriesBlock[])[]> {
  const storage: Storage = federation().open(scope);
  const { maxSamples } = settings();
  const external = externalLabels();
  const results: (readonly SeriesBlock[])[] = [];
  let samples = 0;
  for (const query of queries) {
    const matchers = query.matchers.filter((matcher) => !isExternal(matcher, external));
    const found = await selectOne(storage, { ...query, matchers }, signal).catch(
      (error: unknown) => {
        throw failure(error, signal);
      },
    );
    const whole = await inTurns(sortBlocks(await wholeBlocks(found, query, external)));
    for (const { timesMs } of whole) samples += timesMs.length;
    if (samples > maxSamples) {
      const message = `exceeded sample limit (query.max_samples: ${maxSamples})`;
      throw new QueryError('bad_data', message);
    }
    results.push(whole);
  }
  return results;
}

/** The blocks with samples in the range, and with the labels that all series get. */
async function wholeBlocks(
  found: readonly SeriesBlock[],
  query: ReadQuery,
  external: Labels,
): Promise<readonly SeriesBlock[]> {
  const pace = everyTurn(TURN_MS);
  const whole: SeriesBlock[] = [];
  for (const block of found) {
    const cut = within(block, query);
    if (cut.timesMs.length > 0) whole.push(withExternal(cut, external));
    const turn = pace();
    if (turn !== undefined) await turn;
  }
  return whole;
}

type Labels = Readonly<Record<string, string>>;

/** Whether a matcher only says what all series get: a Prometheus asks for its own external labels. */
function isExternal({ name, op, value }: Matcher, external: Labels): boolean {
  return op === '=' && external[name] === value;
}

function withExternal(block: SeriesBlock, external: Labels): SeriesBlock {
  const added = Object.entries(external).filter(
    ([name]) => !block.labels.some(([label]) => label === name),
  );
  return added.length === 0 ? block : { ...block, labels: [...block.labels, ...added] };
}

function selectOne(
  storage: Storage,
  { matchers, startMs, endMs, stepMs, function: of, rangeMs }: ReadQuery,
  signal: AbortSignal,
): Promise<readonly SeriesBlock[]> {
  const range = { afterMs: startMs - 1, untilMs: endMs };
  return storage.select(matchers, range, { function: of, stepMs, rangeMs }, signal);
}

/** The samples in the range of a query: a storage may give more. */
function within(block: SeriesBlock, { startMs, endMs }: ReadQuery): SeriesBlock {
  const { timesMs, values, histograms } = block;
  let from = 0;
  let to = timesMs.length;
  while (from < to && timesMs[from]! < startMs) from++;
  while (to > from && timesMs[to - 1]! > endMs) to--;
  if (from === 0 && to === timesMs.length) return block;
  return {
    labels: block.labels,
    timesMs: timesMs.subarray(from, to),
    values: values.subarray(from, to),
    ...(histograms && { histograms: histograms.slice(from, to) }),
  };
}

function figuresOf(results: readonly (readonly SeriesBlock[])[]): Figures {
  const all = results.flat();
  const samples = all.reduce((sum, { timesMs }) => sum + timesMs.length, 0);
  return { series: all.length, samples, peakSamples: samples, requests: 0 };
}

function* framesOf(results: readonly (readonly SeriesBlock[])[]): Generator<Buffer, void, void> {
  for (const [index, series] of results.entries()) yield* chunkFrames(series, index);
}

/** The message needs its length in front: all series are written before the first byte is sent. */
async function messageOf(results: readonly (readonly SeriesBlock[])[]): Promise<Iterable<Buffer>> {
  const pace = everyTurn(TURN_MS);
  const written: SampledResult[] = [];
  for (const series of results) {
    const own = new SampledResult();
    for (const block of series) {
      own.add(block);
      const turn = pace();
      if (turn !== undefined) await turn;
    }
    written.push(own);
  }
  return sampledMessage(written);
}
