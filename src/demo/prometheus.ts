/**
 * A simulated Prometheus on loopback: one replica of a pair that loses scrapes. It has the orders of
 * some shops over the last hour, and answers what promgate asks of it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { takeSteps } from '../clock.ts';
import { memoryStorage } from '../promql/evaluate/memory-storage.ts';
import type { SeriesBlock } from '../promql/evaluate/storage.ts';
import { chunkFrames, sortBlocks } from '../query/remote-read/read-answer.ts';
import { decodeReadRequest } from '../query/remote-read/read-request.ts';

export interface SimulatedPrometheus extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
}

interface PrometheusOptions {
  /** Seconds since 1970. */
  readonly now: () => number;
  /** Whether a scrape is lost, by its number since 1970. */
  readonly loses: (scrape: number) => boolean;
}

const SCRAPE_SECONDS = 15;
const KEPT_SCRAPES = 240;
/** Orders per second. */
const SHOPS: Readonly<Record<string, number>> = { books: 4, flowers: 1.5, bicycles: 0.25 };
const MAX_REQUEST_BYTES = 1_048_576;
const FRAMES = 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse';

export async function startPrometheus({
  now,
  loses,
}: PrometheusOptions): Promise<SimulatedPrometheus> {
  const server = createServer((request, response) => {
    answer(request, response, seriesUntil(now(), loses)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // as always for a server on a port
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seriesUntil(seconds: number, loses: PrometheusOptions['loses']): SeriesBlock[] {
  const last = Math.floor(seconds / SCRAPE_SECONDS);
  const scrapes = Array.from({ length: KEPT_SCRAPES }, (_, at) => last - KEPT_SCRAPES + 1 + at);
  const kept = scrapes.filter((scrape) => !loses(scrape));
  return Object.entries(SHOPS).map(([shop, perSecond]) => ({
    labels: [
      ['__name__', 'demo_orders_total'],
      ['shop', shop],
    ],
    timesMs: Float64Array.from(kept, (scrape) => scrape * SCRAPE_SECONDS * 1000),
    // The counters began at midnight.
    values: Float64Array.from(kept, (scrape) =>
      Math.floor(((scrape * SCRAPE_SECONDS) % 86_400) * perSecond),
    ),
  }));
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  series: readonly SeriesBlock[],
): Promise<void> {
  const path = (request.url ?? '').replace(/\?.*$/s, '');
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  if (path === '/api/v1/read') {
    response.setHeader('Content-Type', FRAMES);
    for (const frame of await read(Buffer.concat(chunks), series)) response.write(frame);
    response.end();
    return;
  }
  const data = dataOf(path, series);
  response.statusCode = data === undefined ? 404 : 200;
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ status: 'success', data }));
}

async function read(body: Buffer, series: readonly SeriesBlock[]): Promise<Buffer[]> {
  const request = decodeReadRequest(body, MAX_REQUEST_BYTES);
  const { queries } = await takeSteps(request, () => undefined);
  const found = queries.map(async ({ matchers, startMs, endMs }, index) => {
    const range = { afterMs: startMs - 1, untilMs: endMs };
    const hints = { function: '', stepMs: 0, rangeMs: 0 };
    const blocks = await memoryStorage(series).select(matchers, range, hints);
    const sorted = await takeSteps(sortBlocks(blocks), () => undefined);
    return [...chunkFrames(sorted, index)];
  });
  return (await Promise.all(found)).flat();
}

/** The `data` of the other calls; undefined for what the demo has not. */
function dataOf(path: string, series: readonly SeriesBlock[]): unknown {
  const of = series.map(({ labels }) => Object.fromEntries(labels) as Record<string, string>);
  const label = /^\/api\/v1\/label\/(\w+)\/values$/.exec(path)?.[1];
  if (label !== undefined) {
    return [...new Set(of.flatMap((labels) => labels[label] ?? []))].sort();
  }
  switch (path) {
    case '/api/v1/series':
      return of;
    case '/api/v1/labels':
      return ['__name__', 'shop'];
    case '/api/v1/metadata':
      return { demo_orders_total: [{ type: 'counter', help: 'Orders.', unit: '' }] };
    case '/api/v1/rules':
      return { groups: [] };
    case '/api/v1/alerts':
      return { alerts: [] };
    case '/api/v1/status/buildinfo':
      return { version: '3.14.0' };
    case '/api/v1/status/config':
      return { yaml: 'global: {}\n' };
    default:
      return undefined;
  }
}
