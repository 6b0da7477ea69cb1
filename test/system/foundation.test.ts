/**
 * The whole way, once: a simulated foundation of 500 apps with rolling deploys, promgate as
 * `manifest.yml` starts it, and a real Prometheus that finds all apps by `/sd/apps`.
 */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { passServices } from '../support/bound-services.ts';
import { eventually } from '../support/eventually.ts';
import { type Foundation, startFoundation } from '../support/foundation/foundation.ts';
import { difference, storedIdentities, wrongIdentities } from '../support/foundation/witness.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { readManifest } from '../support/manifest.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { stageApp, startPushedApp } from '../support/pushed-app.ts';
import { read } from '../support/reader.ts';
import { requireProgram } from '../support/require-program.ts';

const NODE = fileURLToPath(new URL('../../node_modules/node/bin', import.meta.url));
const OPERATOR = { username: 'prometheus', password: 'open-sesame' };
const EMITTER = { user: 'emitter', pass: 'emitter-password' };
const ROUTER = { user: 'router', pass: 'router-password' };
const ACCOUNTS = `authorization { users = [
  { user: ${EMITTER.user}, password: ${EMITTER.pass} }
  { user: ${ROUTER.user}, password: ${ROUTER.pass}, permissions: {
    publish: ["router.greet", "router.start"]
    subscribe: ["router.*", "_INBOX.>"] } }
] }`;

/** So many deploys must have ended before the test may judge. */
const DEPLOYS = 30;
const PATIENCE = { timeoutMs: 120_000, pauseMs: 500 };

/** A generator of numbers from 0 up to 1 (mulberry32), so that each run has the same changes. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Starts promgate by the command of the manifest, with one bound service. @returns its URL */
async function pushPromgate(routes: object, parts: AsyncDisposableStack): Promise<string> {
  const { app: manifest, variables } = readManifest();
  const credentials = {
    routes,
    auth: { operators: [OPERATOR] },
    broker: { username: 'cf', password: 'broker-password', ephemeral: true },
  };
  const name = variables['config_service'] ?? '';
  const bound = parts.use(await passServices([{ name, credentials }]));
  const staged = parts.use(await stageApp(NODE));
  const port = await lastingPort();
  const url = `http://127.0.0.1:${port}`;
  const environment = {
    ...manifest.env,
    ...{ PORT: String(port), MEMORY_LIMIT: manifest.memory, CF_INSTANCE_INDEX: '0' },
    VCAP_APPLICATION: JSON.stringify({
      application_id: '0f5d3f64-8a52-4a5e-9c9e-1d0c2f4b6a11',
      application_name: manifest.name,
      organization_name: 'platform',
      space_name: 'monitoring',
    }),
    ...bound.ways.VCAP_SERVICES,
  };
  const program = parts.use(
    startPushedApp(staged, { command: manifest.command, environment, group: undefined }),
  );
  const ended = program.exited.then(({ code }) => {
    throw new Error(`it ended with ${code}: ${program.lines.join('\n')}${program.errors}`);
  });
  ended.catch(() => undefined); // raced below; later on its end shows in what Prometheus lacks
  const isReady = async () => (await read(`${url}/readyz`)).status === 200 || undefined;
  await Promise.race([eventually('promgate to be ready', isReady, PATIENCE), ended]);
  return url;
}

describe('a foundation of 500 apps', function () {
  this.timeout(400_000);

  let foundation: Foundation;
  const parts = new AsyncDisposableStack();
  after(() => parts.disposeAsync());

  it('is scraped whole while its apps are deployed, without one sample under a wrong name or index', async function () {
    const program = requireProgram(this, 'prometheus');
    const nats = parts.use(await startNatsServer(this, ACCOUNTS));
    const server = `nats://${nats.address}`;
    foundation = parts.use(
      await startFoundation({ nats: { server, ...EMITTER }, chance: chances(20_261_128) }),
    );
    const { cells, deploys } = foundation;
    const account = { username: ROUTER.user, password: ROUTER.pass };
    const url = await pushPromgate({ nats: { servers: [server], ...account } }, parts);
    const credential = { authorization: { type: 'Bearer', credentials: OPERATOR.password } };
    const sd = { url: `${url}/sd/apps`, refresh_interval: '2s', ...credential };
    const prometheus = parts.use(
      await startPrometheus({
        program,
        config: {
          global: { scrape_interval: '10s', scrape_timeout: '10s' },
          scrape_configs: [
            { job_name: 'apps', honor_labels: true, http_sd_configs: [sd], ...credential },
          ],
        },
      }),
    );
    const seesAll = async (): Promise<true | undefined> => {
      const { missing, gone } = await difference(prometheus, cells);
      assert.deepEqual({ missing: missing.length, gone: gone.length }, { missing: 0, gone: 0 });
      return true;
    };
    await eventually('Prometheus to see every instance', seesAll, PATIENCE);

    while (deploys.done < DEPLOYS) {
      await foundation.change();
      const enough = cells.requests + cells.running.size / 4;
      const isAsked = () => cells.requests >= enough || undefined;
      await eventually('a quarter of the instances to be asked again', isAsked, PATIENCE);
    }
    await foundation.settle();
    await eventually('Prometheus to see every instance, and no other', seesAll, PATIENCE);

    const stored = await storedIdentities(prometheus);
    const processes = Map.groupBy(stored, (labels) => labels['own_app']);
    const seenTwice = [...deploys.apps].filter(
      ({ guid }) => new Set(processes.get(guid)?.map((one) => one['own_process'])).size > 1,
    );
    assert.deepEqual(wrongIdentities(stored), []);
    assert.ok(seenTwice.length >= DEPLOYS, `${seenTwice.length} apps were seen in both processes`);
    assert.ok(stored.length > cells.running.size, 'instances came and went');
  });
});
