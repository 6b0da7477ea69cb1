/**
 * Reads messages `io.prometheus.client.MetricFamily` in a way of its own, to test what writes them.
 */

type Fields = readonly (readonly [field: number, value: number | Uint8Array])[];

/** Each message in one line of JSON, with the names of the fields. */
export function messagesOf(page: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < page.length; ) {
    const [length, from] = varint(page, at);
    lines.push(JSON.stringify(named(page.subarray(from, from + length), FAMILY)));
    at = from + length;
  }
  return lines;
}

interface Shape {
  readonly [field: number]:
    | readonly [name: string, kind: 'text' | 'number' | 'double']
    | readonly [name: string, kind: Shape];
}

const TIMESTAMP: Shape = { 1: ['seconds', 'number'], 2: ['nanos', 'number'] };
const VALUE: Shape = { 1: ['value', 'double'], 3: ['created', TIMESTAMP] };
const METRIC: Shape = {
  1: ['label', { 1: ['name', 'text'], 2: ['value', 'text'] }],
  2: ['gauge', VALUE],
  3: ['counter', VALUE],
  4: [
    'summary',
    {
      ...{ 1: ['count', 'number'], 2: ['sum', 'double'], 4: ['created', TIMESTAMP] },
      3: ['quantile', { 1: ['quantile', 'double'], 2: ['value', 'double'] }],
    },
  ],
  5: ['untyped', VALUE],
  7: [
    'histogram',
    {
      ...{ 1: ['count', 'number'], 2: ['sum', 'double'], 4: ['countFloat', 'double'] },
      3: ['bucket', { 1: ['count', 'number'], 2: ['le', 'double'], 4: ['countFloat', 'double'] }],
      5: ['schema', 'number'],
      15: ['created', TIMESTAMP],
    },
  ],
};
const FAMILY: Shape = {
  ...{ 1: ['name', 'text'], 2: ['help', 'text'], 3: ['type', 'number'], 5: ['unit', 'text'] },
  4: ['metric', METRIC],
};

function named(bytes: Uint8Array, shape: Shape): object {
  const object: Record<string, unknown> = {};
  for (const [field, value] of fieldsOf(Buffer.from(bytes))) {
    const known = shape[field];
    if (!known) throw new Error(`field ${field}`);
    const [name, kind] = known;
    const read =
      typeof kind === 'object'
        ? named(value as Uint8Array, kind)
        : kind === 'text'
          ? Buffer.from(value as Uint8Array).toString()
          : printed(value as number);
    const isRepeated = ['label', 'metric', 'bucket', 'quantile'].includes(name);
    if (isRepeated && typeof kind === 'object') {
      object[name] = [...((object[name] as unknown[] | undefined) ?? []), read];
    } else object[name] = read;
  }
  return object;
}

function printed(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function* fieldsOf(bytes: Buffer): Generator<Fields[number]> {
  for (let at = 0; at < bytes.length; ) {
    const [tag, next] = varint(bytes, at);
    const [field, wire] = [tag >>> 3, tag & 7];
    if (wire === 1) {
      yield [field, bytes.readDoubleLE(next)];
      at = next + 8;
      continue;
    }
    const [number, after] = varint(bytes, next);
    if (wire === 0) yield [field, number];
    else yield [field, bytes.subarray(after, after + number)];
    at = wire === 0 ? after : after + number;
  }
}

function varint(bytes: Buffer, from: number): [value: number, next: number] {
  let value = 0;
  for (let at = from; ; at++) {
    const byte = bytes.readUInt8(at);
    value += (byte & 127) * 128 ** (at - from);
    if (byte < 128) return [value, at + 1];
  }
}
