/**
 * promgate and Prometheus before a simulated foundation: promgate is installed as the Node buildpack does
 * it, and started by the command of `manifest.yml` with one bound service, in which `routes.cf_api` is all
 * that is said of the platform; Prometheus finds all apps by `/sd/apps`.
 *
 * As a pushed app promgate reaches neither NATS nor a cell: only the platform's address, which its
 * environment names, and behind which are the API and gorouter.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { passServices } from '../bound-services.ts';
import { eventually } from '../eventually.ts';
import { IdentityChain } from '../identity-chain.ts';
import { lastingPort } from '../lasting-port.ts';
import { readManifest } from '../manifest.ts';
import { startNatsServer } from '../nats-server.ts';
import { type Prometheus, startPrometheus } from '../prometheus.ts';
import { stageApp, startPushedApp } from '../pushed-app.ts';
import { read } from '../reader.ts';
import { requireProgram, type Skippable } from '../require-program.ts';
import { type Foundation, startFoundation } from './foundation.ts';
import { startFront } from './front.ts';

const NODE = fileURLToPath(new URL('../../node_modules/node/bin', import.meta.url));
const OPERATOR = { username: 'prometheus', password: 'open-sesame' };
const EMITTER = { user: 'emitter', pass: 'emitter-password' };
const ACCOUNTS = `authorization { users = [{ user: ${EMITTER.user}, password: ${EMITTER.pass} }] }`;
/** Deploys here take seconds and not minutes, so that promgate looks more often than by default. */
const PACE = { interval: '5s', requests_per_minute: 120 };

export const PATIENCE = { timeoutMs: 180_000, pauseMs: 500 };

export interface WholeWay extends AsyncDisposable {
  readonly foundation: Foundation;
  /** The URL of promgate. */
  readonly url: string;
  readonly prometheus: Prometheus;
}

export interface WholeWayOptions {
  /** Default 500. */
  readonly apps?: number;
  /** How often, and within which time, Prometheus reads each app. Default `20s`. */
  readonly every?: string;
}

/** @param context - skipped if a program is missing */
export async function startWholeWay(
  context: Skippable,
  { apps = 500, every = '20s' }: WholeWayOptions = {},
): Promise<WholeWay> {
  const program = requireProgram(context, 'prometheus');
  await using parts = new AsyncDisposableStack();
  const nats = parts.use(await startNatsServer(context, ACCOUNTS));
  const server = `nats://${nats.address}`;
  const foundation = parts.use(
    await startFoundation({ apps, nats: { server, ...EMITTER }, chance: chances(20_261_128) }),
  );
  const chain = parts.use(new IdentityChain());
  const { api, router, client } = foundation;
  const front = parts.use(await startFront({ api: api.url, router }, chain));
  const platform = { api: front.url, authorities: path.dirname(chain.path('root.crt')) };
  const url = await pushPromgate({ cf_api: { ...client, ...PACE } }, platform, parts);
  const credential = { authorization: { type: 'Bearer', credentials: OPERATOR.password } };
  const sd = { url: `${url}/sd/apps`, refresh_interval: '5s', ...credential };
  const prometheus = parts.use(
    await startPrometheus({
      program,
      config: {
        global: { scrape_interval: every, scrape_timeout: every },
        scrape_configs: [
          { job_name: 'apps', honor_labels: true, http_sd_configs: [sd], ...credential },
        ],
      },
    }),
  );
  const held = parts.move();
  return { foundation, url, prometheus, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

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
async function pushPromgate(
  routes: object,
  platform: { readonly api: string; readonly authorities: string },
  parts: AsyncDisposableStack,
): Promise<string> {
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
      cf_api: platform.api,
      organization_name: 'platform',
      space_name: 'monitoring',
    }),
    CF_SYSTEM_CERT_PATH: platform.authorities,
    ...bound.ways.VCAP_SERVICES,
  };
  const program = parts.use(
    startPushedApp(staged, { command: manifest.command, environment, group: undefined }),
  );
  const ended = program.exited.then(({ code }) => {
    throw new Error(`it ended with ${code}`);
  });
  ended.catch(() => undefined); // raced below; later on its end shows in what Prometheus lacks
  const isReady = async () => (await read(`${url}/readyz`)).status === 200 || undefined;
  try {
    await Promise.race([eventually('promgate to be ready', isReady, PATIENCE), ended]);
  } catch (cause) {
    throw new Error(`not ready: ${program.lines.join('\n')}${program.errors}`, { cause });
  }
  return url;
}
