/**
 * Samples of one server by remote read: chunks in a stream, or samples from a server that has no
 * such stream.
 *
 * Frames are decoded as they arrive, in slices of a few milliseconds.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/
 */
import { everyTurn, type Pace, takeSteps } from '../../clock.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { ChunkError } from '../chunk/chunk-error.ts';
import { refusalOf } from './api.ts';
import { readChunked } from './chunked-answer.ts';
import { TargetError } from './failure.ts';
import { FrameError, FrameReader } from './frame-reader.ts';
import type { QueryTarget, TargetAnswer } from './http.ts';
import { LabelReader } from './label-reader.ts';
import { MessageError } from './message-reader.ts';
import { ReadAccount, type ReadBudget } from './read-budget.ts';
import { READ_HEADERS, readRequest, type Wanted } from './read-request.ts';
import { readSampled } from './sampled-answer.ts';
import { SeriesBuilder } from './series-builder.ts';
import { decodeBlock, SnappyBlockError } from './snappy-block.ts';

/** The default of the key `remote_read_path`. */
const READ_PATH = 'api/v1/read';

/** How long the decoding of an answer may keep other work waiting. */
const TURN_MS = 4;
const STREAMED = 'application/x-streamed-protobuf';
const SAMPLED = 'application/x-protobuf';

export interface RemoteReadOptions {
  readonly signal: AbortSignal;
  readonly budget: ReadBudget;
  /** Without a slash in front; {@link READ_PATH} by default. */
  readonly path?: string;
}

/**
 * Reads the series that match, with their samples in the range and no others.
 *
 * Each label set comes once, its labels in the order of their names. The server's own external labels
 * are among them.
 *
 * @throws {TargetError}
 */
export async function remoteRead(
  target: QueryTarget,
  wanted: Wanted,
  { signal, budget, path = READ_PATH }: RemoteReadOptions,
): Promise<readonly SeriesBlock[]> {
  const account = new ReadAccount(budget, target.name);
  let answer: TargetAnswer | undefined;
  try {
    answer = await target.call(path, [], {
      signal,
      maxBytes: Number.MAX_SAFE_INTEGER, // the budget has the bound
      body: { headers: READ_HEADERS, bytes: readRequest(wanted) },
    });
    if (answer.status !== 200) throw await refusalOf(target, answer);
    const builder = new SeriesBuilder(account, wanted.range);
    const type = answer.header('content-type');
    const pace = everyTurn(TURN_MS);
    if (type.startsWith(STREAMED)) await readStream(target, answer, { builder, account, pace });
    else if (type.startsWith(SAMPLED)) await readWhole(answer, { builder, account, pace });
    else throw new TargetError('not-prometheus', target.name, `the answer has the type ${type}`);
    return await takeSteps(builder.finish(), pace);
  } catch (error) {
    answer?.body.discard();
    account.giveBack();
    throw worded(error, target);
  }
}

interface Reading {
  readonly builder: SeriesBuilder;
  readonly account: ReadAccount;
  readonly pace: Pace;
}

async function readStream(
  { name }: QueryTarget,
  { body }: TargetAnswer,
  { builder, account, pace }: Reading,
): Promise<void> {
  const frames = new FrameReader();
  const labelReader = new LabelReader();
  for await (const piece of body) {
    account.take('bytes', piece.length);
    frames.push(piece);
    for (let message = frames.next(); message; message = frames.next()) {
      await takeSteps(readChunked(message, labelReader, builder), pace);
    }
  }
  if (frames.isInside) throw new TargetError('truncated', name, 'the answer ends in a frame');
}

async function readWhole(
  { body }: TargetAnswer,
  { builder, account, pace }: Reading,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of body) {
    account.take('bytes', piece.length);
    pieces.push(piece);
  }
  const maxBytes = Math.max(0, account.left('bytes'));
  const message = await takeSteps(decodeBlock(Buffer.concat(pieces), maxBytes), pace);
  await takeSteps(readSampled(message, builder), pace);
}

/** Gives errors of decoders their word. */
function worded(error: unknown, { name }: QueryTarget): unknown {
  if (error instanceof SnappyBlockError && error.isTooBig)
    return new TargetError('too-big', name, error.message, { cause: error });
  const isOfFormat = [FrameError, ChunkError, MessageError, SnappyBlockError].some(
    (kind) => error instanceof kind,
  );
  if (!isOfFormat) return error;
  return new TargetError('corrupt', name, (error as Error).message, { cause: error });
}
