/** A source of series for tests, written as text, and a remote write that sends it. */
import { type Clock, sleep } from '../../../src/clock.ts';
import { parseLabels } from '../../../src/push/labels.ts';
import { openPost } from '../../../src/push/send/got.ts';
import { compileRelabel } from '../../../src/push/send/relabel.ts';
import {
  RemoteWrite,
  type RemoteWriteObservers,
  type RemoteWriteOptions,
} from '../../../src/push/send/remote-write.ts';
import { MemoryBatches } from '../../../src/push/send/remote-write-memory.ts';
import type { Series, SeriesFamily, SeriesSource } from '../../../src/push/send/series.ts';

const FAMILY: Omit<SeriesFamily, 'name'> = { type: 'counter', help: 'Jobs done.', unit: '' };

export interface TextSource extends SeriesSource {
  /** Sets series, one a line: `jobs_total{job="a"} 5`. */
  set(lines: string, createdMs?: number): void;
  delete(series: string): void;
  /** How often all values were called seen. */
  readonly seenTimes: number;
}

export function textSource(lines = ''): TextSource {
  const all = new Map<string, Series>();
  const families = new Map<string, SeriesFamily>();
  let seenTimes = 0;
  const source: TextSource = {
    read: () => [...all.values()],
    seen: () => {
      seenTimes += 1;
    },
    get seenTimes() {
      return seenTimes;
    },
    set: (text, createdMs = 0) => {
      for (const line of text.split('\n').map((one) => one.trim())) {
        if (line === '') continue;
        const at = line.lastIndexOf(' ');
        const key = line.slice(0, at);
        const name = key.split('{')[0]!;
        const family = families.get(name) ?? { ...FAMILY, name };
        families.set(name, family);
        const value = Number(line.slice(at + 1).replace('Inf', 'Infinity'));
        all.set(key, { key, family, value, createdMs, labels: () => labelsOf(key) });
      }
    },
    delete: (series) => void all.delete(series),
  };
  source.set(lines);
  return source;
}

function labelsOf(series: string): [string, string][] {
  const [name = '', rest = ''] = series.split(/\{(.*)\}$/s);
  return [['__name__', name], ...parseLabels(rest).map(([n, v]): [string, string] => [n, v])];
}

/** What the observers of a remote write were told, line by line. */
export interface SeenRemote extends RemoteWriteObservers {
  readonly lines: string[];
  sent: number;
}

export function seeRemote(): SeenRemote {
  const seen: SeenRemote = {
    lines: [],
    sent: 0,
    onSent: (samples) => {
      seen.sent += samples;
    },
    onLost: (samples, refusal, { status, text }) =>
      seen.lines.push(`lost ${samples} ${refusal} ${status} ${text}`.trim()),
    onRetry: (samples, cause, { status }) => seen.lines.push(`retry ${samples} ${cause} ${status}`),
    onFallback: ({ status }) => seen.lines.push(`fallback ${status}`),
    onSkipped: (cause) => seen.lines.push(`skipped ${cause}`),
    onDropped: (samples, cause) => seen.lines.push(`dropped ${samples} ${cause}`),
    onError: (error) => seen.lines.push(`error ${error}`),
  };
  return seen;
}

export type RemoteSetup = Partial<RemoteWriteOptions> &
  Pick<RemoteWriteOptions, 'source'> & { readonly url: string; readonly timeoutMs?: number };

export function openRemote({ url, timeoutMs = 20_000, ...options }: RemoteSetup): RemoteWrite {
  const poster = openPost({ url, timeoutMs, auth: { kind: 'none' }, headers: {} });
  const remote = new RemoteWrite({
    post: poster.post,
    userAgent: 'promgate/test',
    version: 2,
    intervalMs: 20,
    resendMs: 0,
    maxSamples: 2000,
    maxLanes: 2,
    relabel: compileRelabel([]),
    store: new MemoryBatches(),
    maxQueueBytes: 2 ** 20,
    observers: seeRemote(),
    ...options,
  });
  remote.start();
  return remote;
}

/** Pauses of 5 ms at most: the flush at the end is over at once. */
export const shortPauses: Clock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) => sleep(Math.min(ms, 5), signal),
};
