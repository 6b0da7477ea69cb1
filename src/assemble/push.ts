/**
 * The push gateway, below `/push` and on a port of its own.
 */
import { every } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Tenancy } from '../push/push.ts';
import { JOURNAL_FAILURES } from '../push/record.ts';
import { type TenantRules, tenantRules } from '../push/rules.ts';
import { Admission } from '../serve/admission.ts';
import type { OnMistake } from '../serve/answer-problem.ts';
import { clientAddress } from '../serve/client-address.ts';
import type { Mount } from '../serve/mount.ts';
import { PUSH_HANDLER } from '../serve/push.ts';
import { PUSH_INTERFACES } from '../serve/push-answers.ts';
import { PUSH_RESULTS, PushDesk, type PushEnd } from '../serve/push-desk.ts';
import { PushLane } from '../serve/push-lane.ts';
import { localClients } from '../serve/push-local.ts';
import { createPushPages, type PushPages } from '../serve/push-page.ts';
import { PushRate } from '../serve/push-rate.ts';
import type { PushSettings } from '../serve/push-request.ts';
import { PushRoom } from '../serve/push-room.ts';
import { type PushSiteOptions, pushMounts } from '../serve/push-site.ts';
import type { Handler } from '../serve/request.ts';
import type { RequestObservers } from '../serve/request-log.ts';
import { readableTenant } from '../serve/tenancy.ts';
import { type PushMetrics, pushMetrics } from '../telemetry/push-metrics.ts';
import { VERSION } from '../version.ts';
import type { Ground } from './ground.ts';
import { LateLedger } from './late-ledger.ts';
import type { Part } from './part.ts';
import { openPushLedger, type PushConfig } from './push-ledger.ts';
import { tellRefusals } from './push-refusals.ts';
import { openPushRemoteWrite } from './push-remote-write.ts';

export interface PushPartOptions {
  readonly config: Pick<Config, 'auth' | 'redis' | 'scrape'> & { readonly push: PushConfig };
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  readonly observers: RequestObservers;
  readonly onRefused: () => void;
  /** How many tokens were revoked since the start. */
  readonly revocations: () => number;
}

export interface PushPart extends Part {
  /** The short way of pushes below `/push`. */
  readonly lane: PushLane;
  /** What a port of its own serves. */
  readonly own: { readonly mounts: readonly Mount[]; readonly lane: PushLane };
}

/** How many pages are written at once. */
const MAX_PAGES = 64;
const MAX_KEPT_PAGE_BYTES = 67_108_864;
/** Bodies that are being read take four times the largest, or so much if that is more. */
const MIN_ROOM_BYTES = 67_108_864;
const STALL_MS = 30_000;
const CONFLICTS_MS = 60_000;
/** Bound on tenants whose rules are kept. */
const MAX_RULES = 20_000;

export async function startPush(options: PushPartOptions, ground: Ground): Promise<PushPart> {
  await using parts = new AsyncDisposableStack();
  const { config, observers, revocations } = options;
  const { push } = config;
  const ledger = new LateLedger(push.durability);
  const rulesOf = knownRules((tenancy) => tenantRules(push, tenancy));
  const pages = openPages(options, ledger);
  const tellRefusal = tellRefusals(ground);
  const gate = openGate(options, ledger, (end) => {
    metrics.ended(end);
    tellRefusal(end);
  });
  const short = { ...gate, observers, handler: PUSH_HANDLER, revocations };
  const lane = new PushLane(short);
  const ownLane = new PushLane(short);
  let conflicts: number | undefined;
  let mostLayouts: number | undefined;
  const metrics: PushMetrics = pushMetrics(
    ground.registry,
    { interfaces: PUSH_INTERFACES, results: PUSH_RESULTS, failures: JOURNAL_FAILURES },
    {
      series: () => ledger.current?.seriesCount,
      tenants: () => ledger.current?.tenantCount,
      conflicts: () => conflicts,
      mostLayouts: () => mostLayouts,
      bodyBytes: () => gate.room.bytes,
      keptPageBytes: () => pages.keptBytes(),
      layouts: () => lane.size + ownLane.size,
    },
  );
  const opened = parts.use(await openPushLedger({ ledger, config, rulesOf, ground, metrics }));
  const remote = await openPushRemoteWrite(config, ledger, ground);
  if (remote) parts.use(remote);
  startLoop(parts, ground, async () => {
    if (!ledger.current) return;
    mostLayouts = ledger.current.mostLayouts;
    conflicts = await pages.conflicts();
  });
  const site = {
    ...{ ...siteOptions(options, ground, ledger), ...gate },
    ...{ page: pages.metrics, groups: pages.groups },
  };
  const held = parts.move();
  return {
    mounts: pushMounts({ ...site, base: '/push', lane, settingsOf: settings(rulesOf, 'jobMode') }),
    lane,
    own: {
      mounts: pushMounts({
        ...{ ...site, base: '', lane: ownLane },
        settingsOf: settings(rulesOf, 'portJobMode'),
      }),
      lane: ownLane,
    },
    mentions: { push: () => opened.state() },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Runs `count` once a minute, until the parts are disposed of. */
function startLoop(
  parts: AsyncDisposableStack,
  { log }: Pick<Ground, 'log'>,
  count: () => Promise<void>,
): void {
  const stop = new AbortController();
  const counting = every(CONFLICTS_MS, count, {
    signal: stop.signal,
    onError: (err) => log.error('conflicts of pushed types cannot be counted', { err }),
  });
  parts.defer(async () => {
    stop.abort();
    await counting;
  });
}

function openRoom({ limits, tenants }: PushConfig): PushRoom {
  const all = [limits, ...tenants.map((tenant) => ({ ...limits, ...tenant.limits }))];
  const largestBytes = Math.max(
    ...all.flatMap((one) => [one.maxBodyBytes ?? 0, one.maxDecompressedBytes ?? 0]),
  );
  return new PushRoom({ largestBytes, maxBytes: Math.max(MIN_ROOM_BYTES, 4 * largestBytes) });
}

function openPages(
  { config: { scrape }, onRefused }: PushPartOptions,
  ledger: LateLedger,
): PushPages {
  return createPushPages({
    source: ledger,
    tenantOf: ({ state }) => readableTenant(state.scope),
    maxKeptBytes: MAX_KEPT_PAGE_BYTES,
    admission: new Admission({ maxRequests: MAX_PAGES, onRefused }),
    maxTimeoutMs: scrape.maxTimeoutMs,
    stallMs: STALL_MS,
  });
}

/** What the long and the short way of a push have in common. */
function openGate(
  { config: { auth, push } }: PushPartOptions,
  ledger: LateLedger,
  onEnd: (end: PushEnd) => void,
) {
  const asksNobody = auth.mode === 'open' && !push.open;
  return {
    desk: new PushDesk({ ledger, checks: push.consistencyCheck, onEnd }),
    rate: new PushRate(),
    room: openRoom(push),
    admitsOpenly: asksNobody ? localClients(clientAddress(auth.trustedProxies)) : undefined,
  };
}

function siteOptions(
  { config: { push }, admit, onMistake }: PushPartOptions,
  { readiness }: Pick<Ground, 'readiness'>,
  ledger: LateLedger,
): Pick<PushSiteOptions, 'admit' | 'onMistake' | 'adminApi' | 'utf8Names' | 'isReady' | 'status'> {
  return {
    ...{ admit, onMistake, adminApi: push.adminApi, utf8Names: push.utf8Names },
    isReady: () => readiness.state !== 'draining' && ledger.current !== undefined,
    status: {
      version: VERSION,
      startedMs: Date.now(),
      flags: {
        'persistence.file': push.durability === 'disk' ? push.file : '',
        'push.disable-consistency-check': String(!push.consistencyCheck),
        'push.enable-utf8-names': String(push.utf8Names),
        'web.enable-admin-api': String(push.adminApi),
      },
    },
  };
}

/** The settings of each tenant's pushes on one of the two ports. */
function settings(rulesOf: (tenancy: Tenancy) => TenantRules, key: 'jobMode' | 'portJobMode') {
  return (tenancy: Tenancy): PushSettings => {
    const { limits, ...modes } = rulesOf(tenancy);
    return {
      jobMode: modes[key],
      maxBodyBytes: limits.maxBodyBytes,
      maxDecompressedBytes: limits.maxDecompressedBytes,
      series: limits.series,
      pushesPerSecond: limits.pushesPerSecond,
    };
  };
}

/** Keeps the rules of each tenant, until the labels of its binding change. */
function knownRules(make: (tenancy: Tenancy) => TenantRules): (tenancy: Tenancy) => TenantRules {
  const known = new Map<string, Pick<Tenancy, 'forced'> & { readonly rules: TenantRules }>();
  return (tenancy) => {
    const { tenant, forced } = tenancy;
    const kept = known.get(tenant);
    if (kept?.forced === forced) return kept.rules;
    if (known.size >= MAX_RULES) known.clear();
    const rules = make(tenancy);
    known.set(tenant, { forced, rules });
    return rules;
  };
}
