/** The memory of promgate after a peak. */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import packageJson from '../../package.json' with { type: 'json' };
import { gzipBomb, page, response, TEXT_TYPE } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import type { RoutesJson } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import type { PromgateProcess } from '../support/promgate-process.ts';
import { startScene } from '../support/scene.ts';
import type { Answer } from '../support/simulated-server.ts';

/** A minute is the promise. */
const FALLS = { timeoutMs: 60_000, pauseMs: 500 };

const READ = { timeoutMs: 60_000, pauseMs: 200 };

/** promgate lets so much garbage be, beside a share of what it holds (`idle-memory.ts`). */
const TOLERATED_BYTES = 33_554_432;

/** What `npm start` says to the C library. */
const [, NAME = '', VALUE = ''] = /(MALLOC_\w+)=(\d+)/.exec(packageJson.scripts.start) ?? [];
const AS_STARTED = {
  environment: { [NAME]: VALUE },
  nodeOptions: ['--max-semi-space-size=16'],
};

async function settledBytes(promgate: PromgateProcess, path: string): Promise<number> {
  for (let i = 0; i < 20; i++) await promgate.text(path);
  await promgate.text('/metrics');
  return promgate.residentMemoryBytes();
}

async function untilFallen(promgate: PromgateProcess, before: number): Promise<void> {
  assert.ok(promgate.peakMemoryBytes() > before * 2, 'there was no peak');
  await eventually(
    'memory to be given back',
    () => {
      return promgate.residentMemoryBytes() < before * 1.5 + TOLERATED_BYTES || undefined;
    },
    FALLS,
  );
}

describe('the memory of promgate', function () {
  this.timeout(SLOW_MS);

  it('is given back after 90 gzip bombs', async () => {
    const bomb = await gzipBomb(200_000_000);
    const apps = {
      bombs: { answers: Array.from({ length: 90 }, () => bomb) },
      small: { answers: [page('a 1\n')] },
    };
    await using scene = await startScene(apps, { scrape: { max_bytes: '512MiB' } });
    const { promgate } = scene;
    const before = await settledBytes(promgate, scene.apps.small.path);

    const text = await promgate.text(scene.apps.bombs.path);

    assert.match(text, /error="too-large"/);
    await untilFallen(promgate, before);
  });

  it('is given back after 90 pages of 15 MB, as npm start has it', async () => {
    const zipped = gzipSync('a{b="c"} 1\n'.repeat(1_400_000));
    const fields = { 'Content-Type': TEXT_TYPE, 'Content-Encoding': 'gzip' };
    const whole = response(200, fields, zipped);
    const large: Answer = ({ socket }) => void socket.write(whole);
    const apps = {
      large: { answers: Array.from({ length: 90 }, () => large) },
      small: { answers: [page('a 1\n')] },
    };
    await using scene = await startScene(apps, { scrape: { max_bytes: '200MB' } }, AS_STARTED);
    const { promgate } = scene;
    const before = await settledBytes(promgate, scene.apps.small.path);

    await Promise.all([0, 1].map(() => readAway(`${promgate.url}${scene.apps.large.path}`)));

    await untilFallen(promgate, before);
  }).timeout(180_000);

  it('is given back after a route table of 65 MB, as npm start has it', async () => {
    await using scene = await startScene({ small: { answers: [page('a 1\n')] } }, {}, AS_STARTED);
    const { promgate, gorouter } = scene;
    const before = await settledBytes(promgate, scene.apps.small.path);
    const { routes } = gorouter;
    const apps = () => promgate.metric('promgate_apps');

    gorouter.routes = largeTable(routes, 100_000);
    await eventually('the large table', async () => (await apps()) === 100_001 || undefined, READ);
    gorouter.routes = routes;
    await eventually('the small table', async () => (await apps()) === 1 || undefined, READ);

    await untilFallen(promgate, before);
  }).timeout(240_000);
});

/** The answer is larger than a string may be. */
async function readAway(url: string): Promise<void> {
  const { body } = await fetch(url);
  for await (const _ of body ?? []);
}

/** The table with so many apps more. */
function largeTable(routes: RoutesJson, count: number): RoutesJson {
  const [endpoint] = Object.values(routes)[0]!; // the scene has an app
  const large: Record<string, RoutesJson[string]> = { ...routes };
  for (let i = 0; i < count; i++) {
    const id = `${endpoint!.tags['app_id']!.slice(0, 28)}${i.toString(16).padStart(8, '0')}`;
    const tags = { ...endpoint!.tags, app_id: id, app_name: `app-${i}` };
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:8080`;
    large[`app-${i}.apps.example.com`] = [{ ...endpoint!, address, tags }];
  }
  return large;
}
