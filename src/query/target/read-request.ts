/** The request of remote read: what is asked for, and which answers are understood. */
import type { Matcher, SelectHints, TimeRange } from '../../promql/evaluate/storage.ts';
import { literalBlock } from './snappy-block.ts';

/** The numbers of operators. */
const OPERATORS: Readonly<Record<Matcher['op'], number>> = { '=': 0, '!=': 1, '=~': 2, '!~': 3 };

/** The types of answers, the wanted one first: chunks in a stream, then samples. */
const ACCEPTED = Buffer.of(0x12, 2, 1, 0);

export const READ_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/x-protobuf',
  'Content-Encoding': 'snappy',
  'X-Prometheus-Remote-Read-Version': '0.1.0',
};

export interface Wanted {
  readonly matchers: readonly Matcher[];
  readonly range: TimeRange;
  readonly hints: SelectHints;
}

/** The first and the last time of a range, as whole milliseconds. */
export function endsOf({ afterMs, untilMs }: TimeRange): { startMs: number; endMs: number } {
  return { startMs: bounded(Math.floor(afterMs) + 1), endMs: bounded(Math.floor(untilMs)) };
}

function bounded(timeMs: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, timeMs));
}

/** @returns the message, compressed */
export function readRequest({ matchers, range, hints }: Wanted): Buffer {
  const { startMs, endMs } = endsOf(range);
  const query = Buffer.concat([
    integer(1, startMs),
    integer(2, endMs),
    ...matchers.map(({ name, op, value }) =>
      nested(3, Buffer.concat([integer(1, OPERATORS[op]), text(2, name), text(3, value)])),
    ),
    nested(
      4,
      Buffer.concat([
        integer(1, hints.stepMs),
        text(2, hints.function),
        integer(3, startMs),
        integer(4, endMs),
        integer(7, hints.rangeMs),
      ]),
    ),
  ]);
  return literalBlock(Buffer.concat([nested(1, query), ACCEPTED]));
}

function integer(field: number, value: number): Buffer {
  if (value === 0) return Buffer.alloc(0);
  return Buffer.from([field * 8, ...varint(BigInt.asUintN(64, BigInt(Math.trunc(value))))]);
}

function text(field: number, value: string): Buffer {
  return value === '' ? Buffer.alloc(0) : nested(field, Buffer.from(value));
}

function nested(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([field * 8 + 2, ...varint(BigInt(bytes.length))]), bytes]);
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
