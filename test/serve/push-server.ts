/** The push gateway on a real server, with a ledger in memory. */
import type { Ledger } from '../../src/push/book/ledger.ts';
import type { PushMode } from '../../src/push/push.ts';
import { Admission } from '../../src/serve/admission.ts';
import { clientAddress } from '../../src/serve/client-address.ts';
import { PushDesk, type PushEnd } from '../../src/serve/push-desk.ts';
import { PushLane } from '../../src/serve/push-lane.ts';
import { localClients } from '../../src/serve/push-local.ts';
import { createPushPages } from '../../src/serve/push-page.ts';
import { PushRate } from '../../src/serve/push-rate.ts';
import type { PushSettings } from '../../src/serve/push-request.ts';
import { PushRoom } from '../../src/serve/push-room.ts';
import { pushMounts } from '../../src/serve/push-site.ts';
import type { Handler } from '../../src/serve/request.ts';
import type { RequestRecord } from '../../src/serve/request-log.ts';
import { readableTenant } from '../../src/serve/tenancy.ts';
import { linesOf, openLedger, type TestLedgerOptions } from '../support/pushes.ts';
import { type FrameServer, serveFrame } from './frame-server.ts';

export interface PushServer extends FrameServer {
  readonly ledger: Ledger;
  readonly ends: readonly PushEnd[];
  readonly records: readonly RequestRecord[];
  readonly lane: PushLane;
  readonly room: PushRoom;
  /** Sends a request below `/push/metrics`. */
  send(
    method: string,
    rest: string,
    body?: string | Buffer,
    headers?: Record<string, string>,
  ): Promise<Sent>;
  /** Every series with its value. */
  lines(tenant?: string): string[];
}

export interface Sent {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface PushServerOptions extends TestLedgerOptions {
  readonly base?: string;
  readonly settings?: Partial<PushSettings>;
  readonly jobMode?: PushMode;
  readonly admit?: Handler;
  readonly utf8Names?: boolean;
  readonly checks?: boolean;
  readonly adminApi?: boolean;
  /** The push gateway asks for no credential, and takes pushes from this machine only. */
  readonly isOpen?: boolean;
  readonly trustedProxies?: readonly string[];
  readonly roomBytes?: number;
  readonly idleMs?: number;
  /** The clock of the rate limit and of the short way. */
  readonly clock?: () => number;
  /** How many tokens were revoked. */
  readonly revocations?: () => number;
}

const SETTINGS: PushSettings = {
  ...{ jobMode: 'replace', maxBodyBytes: 65_536, maxDecompressedBytes: 262_144 },
  ...{ series: 10_000, pushesPerSecond: 1e6 },
};

const admitAll: Handler = (_, next) => next();

export async function servePush(options: PushServerOptions = {}): Promise<PushServer> {
  const { base = '/push', settings, jobMode = 'replace', isOpen = false, clock } = options;
  const ledger = await openLedger(options);
  const mistakes: unknown[] = [];
  const ends: PushEnd[] = [];
  const records: RequestRecord[] = [];
  const desk = new PushDesk({
    ...{ ledger, checks: options.checks ?? true },
    onEnd: (end) => ends.push(end),
  });
  const addressOf = clientAddress(options.trustedProxies ?? []);
  const gate = {
    ...{ desk, rate: new PushRate(clock) },
    room: new PushRoom({ maxBytes: options.roomBytes ?? 4e6, largestBytes: 262_144 }),
    ...(isOpen && {
      admitsOpenly: localClients(addressOf),
    }),
  };
  const pages = createPushPages({
    ...{ source: ledger, maxKeptBytes: 1e6, maxTimeoutMs: 30_000, stallMs: 30_000 },
    tenantOf: ({ state }) => readableTenant(state.scope),
    admission: new Admission({ maxRequests: 10 }),
  });
  const observers = { onEnd: (record: RequestRecord) => records.push(record) };
  const lane = new PushLane({
    ...{ ...gate, observers, handler: 'push', revocations: options.revocations },
    ...(clock && { now: clock }),
  });
  const mounts = pushMounts({
    ...{ ...gate, base, lane, utf8Names: options.utf8Names ?? false, idleMs: options.idleMs },
    settingsOf: () => ({ ...SETTINGS, jobMode, ...settings }),
    admit: options.admit ?? admitAll,
    onMistake: (error) => mistakes.push(error),
    ...{ page: pages.metrics, groups: pages.groups },
    status: { version: '1', startedMs: 0, flags: {} },
    adminApi: options.adminApi ?? false,
    isReady: () => true,
  });
  const server = await serveFrame({
    mounts: base === '' ? mounts.slice(1) : mounts,
    pushLane: lane,
    ...(base === '' && { root: mounts[0] }),
  });
  return {
    ...server,
    ...{ mistakes, ledger, ends, records, lane, room: gate.room },
    send: async (method, rest, body, headers) => {
      const answer = await fetch(`${server.url}${base}/metrics${rest}`, {
        ...{ method, ...(body !== undefined && { body }), ...(headers && { headers }) },
      });
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    },
    lines: (tenant) => linesOf(ledger, tenant),
  };
}
