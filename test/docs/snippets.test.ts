/** The blocks of YAML in the documentation: Prometheus, or promgate, takes each of them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { ConfigError, readConfig } from '../../src/config/config.ts';
import { schema } from '../../src/config/schema.ts';
import { namedKeys } from '../../src/config/text.ts';
import { page } from '../support/answers.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { startPromgate } from '../support/promgate.ts';
import { requireProgram } from '../support/require-program.ts';
import { startApp } from '../support/running-app.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })];

interface Block {
  /** The file that has it. */
  readonly place: string;
  readonly text: string;
  readonly keys: readonly string[];
}

const blocks: readonly Block[] = PAGES.flatMap((place) =>
  [...readFileSync(path.join(ROOT, place), 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)].map(
    ([, text = '']) => ({ place, text, keys: Object.keys(parse(text) ?? {}) }),
  ),
);
const ofPrometheus = blocks.filter(({ keys }) => keys.includes('scrape_configs'));
const SECTIONS = new Set(Object.keys(schema.shape));
const ofPromgate = blocks.filter(({ keys }) => keys.some((key) => SECTIONS.has(key)));

/** A fault of a block because it names files or sections that only its reader has. */
const OF_READER = /cannot be read|no such file|ENOENT|must be given|needs (?:broker|redis)/;

describe('the configurations of Prometheus in the documentation', function () {
  this.timeout(SLOW_MS);

  it('are such that promtool takes them', function () {
    const promtool = requireProgram(this, 'promtool');
    const folder = mkdtempSync(path.join(tmpdir(), 'promgate-snippets-'));
    const alerts = 'bosh/jobs/promgate-alerts/templates/promgate.alerts.yml';
    copyFileSync(path.join(ROOT, alerts), path.join(folder, path.basename(alerts)));
    try {
      assert.ok(ofPrometheus.length >= 6);
      for (const { text } of ofPrometheus) {
        const file = path.join(folder, 'prometheus.yml');
        writeFileSync(file, text);
        execFileSync(promtool, ['check', 'config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of the operator guide lead Prometheus to the apps, by http_sd and by a static job', async function () {
    const program = requireProgram(this, 'prometheus');
    const shop = { name: 'shop', organization: 'demo', space: 'prod' };
    await using app = await startApp(shop, [page('orders_total 1\n'), page('orders_total 2\n')]);
    await using promgate = await startPromgate({ apps: [app] });
    const { host } = new URL(promgate.url);

    for (const [index, jobs] of [
      [0, ['promgate-apps']],
      [1, ['cf-shop', 'promgate']],
    ] as const) {
      const { text } = blocks.filter(({ place }) => place === 'docs/operators.md')[index]!; // two of them
      const config = text
        .replaceAll('promgate.example.com:8085', host)
        .replaceAll(/^( +)scrape_interval: .*$/gm, '')
        .replaceAll(/^( +)scrape_timeout: .*$/gm, '');
      const global = 'global: { scrape_interval: 1s, scrape_timeout: 1s }\n';
      await using prometheus = await startPrometheus({ program, config: global + config });
      const targets = await prometheus.scrapedTargets(jobs.length);

      assert.deepEqual(targets.map(({ labels }) => labels['job']).sort(), [...jobs]);
      assert.deepEqual(
        targets.map(({ health, lastError }) => [health, lastError]),
        targets.map(() => ['up', '']),
      );
      const orders = await prometheus.query('orders_total{app_name="shop"}');
      assert.deepEqual(orders.map(({ value }) => value).sort(), ['1', '2']);
    }
  });
});

describe('the configurations of promgate in the documentation', () => {
  for (const [index, { place, text }] of ofPromgate.entries()) {
    it(`have keys and values that promgate takes: ${place}, ${index}`, async () => {
      try {
        const values = parse(text) as Record<string, unknown>;
        await readConfig({ memoryBytes: 2 ** 30, values });
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        for (const line of error.message.split('\n').slice(1)) assert.match(line, OF_READER);
      }
    });
  }

  // Pages about BOSH speak of properties of a job, which have names of their own.
  it('are spoken of by names that keys have', () => {
    const names = new Set(namedKeys(schema).map(({ path: key }) => key.join('.')));
    const known = (name: string): boolean =>
      [...names].some(
        (key) => key === name || key.startsWith(`${name}.`) || name.startsWith(`${key}.`),
      );
    const unknown = PAGES.filter((place) => !/^docs\/(?:configuration|bosh)/.test(place)).flatMap(
      (place) => {
        const text = readFileSync(path.join(ROOT, place), 'utf8');
        const spoken = text.matchAll(/`([a-z]+)\.([a-z_]+(?:(?:\[\])?\.[a-z_]+)*)(?:: [^`]*)?`/g);
        return Array.from(spoken, ([, first, rest]) => ({ first: first!, rest: rest! })) // groups of the match
          .filter(({ first, rest }) => SECTIONS.has(first) && !/\b(?:ts|json|yml|md)$/.test(rest))
          .map(({ first, rest }) => `${first}.${rest.replaceAll('[]', '')}`)
          .filter((name) => !known(name))
          .map((name) => `${place}: ${name}`);
      },
    );

    assert.ok(names.size > 100);
    assert.deepEqual(unknown, []);
  });

  it('are found', () => assert.ok(ofPromgate.length > 8));
});
