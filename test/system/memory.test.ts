/** The memory of promgate after a peak. */
import assert from 'node:assert/strict';
import { gzipBomb, page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import type { RoutesJson } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import type { PromgateProcess } from '../support/promgate-process.ts';
import { startScene } from '../support/scene.ts';

/** A minute is the promise. */
const FALLS = { timeoutMs: 60_000, pauseMs: 500 };

const READ = { timeoutMs: 60_000, pauseMs: 200 };

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
      return promgate.residentMemoryBytes() < before * 1.5 || undefined;
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

  it('is given back after a route table of 65 MB', async () => {
    await using scene = await startScene({ small: { answers: [page('a 1\n')] } });
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
