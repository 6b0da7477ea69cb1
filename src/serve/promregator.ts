/**
 * Promregator's paths: `/discovery`, `/singleTargetMetrics/<guid>/<index>` and `/cache/invalidate`.
 *
 * Paths, labels, statuses and texts are those of Promregator 1.1.7, so that a Prometheus that has
 * read from it can read from promgate.
 */
import type { Instance } from '../discover/instance.ts';
import type { Selector } from '../discover/selector.ts';
import type { Purge } from '../refresh/purge.ts';
import {
  type AppQuestion,
  findInstances,
  type QuestionOptions,
  question,
  starting,
} from './app-question.ts';
import { type AppsOptions, answering } from './apps.ts';
import { Problem } from './errors.ts';
import { type OwnAddress, ownAddress } from './own-address.ts';
import { TextRefusal } from './promfetcher-errors.ts';
import type { Purged } from './purge.ts';
import type { Handler, RequestContext } from './request.ts';
import { type ServiceDiscoveryOptions, scrapedApps } from './service-discovery.ts';
import { answerPieces } from './stream.ts';

/** `/singleTargetMetrics/<guid>/<index>`; the handler checks both. */
export const SINGLE_TARGET_PATH = /^\/singleTargetMetrics\/([^/]+)\/([^/]+)$/;

const APP_ID = /^[-0-9a-f]+$/;
const INDEX = /^\d{1,9}$/;
const JAVA_INTEGER = /^[+-]?\d{1,10}$/;
const MAX_JAVA_INTEGER = 2 ** 31;
const UNKNOWN = 'Unable to determine any instance to scrape';

/** `GET /discovery`: each instance as a target, and last promgate's own metrics. */
export function discovery(options: ServiceDiscoveryOptions): Handler {
  const { table, tableKnown, settingsOf } = options;
  return (ctx) => {
    if (!tableKnown()) throw starting();
    const self = ownAddress(ctx, options);
    ctx.vary('X-Forwarded-Host, X-Forwarded-Proto, Host');
    const { scope } = ctx.state;
    const print = printer(self, options.scheme !== undefined);
    const pieces = function* (): Generator<string> {
      let before = '[';
      for (const instances of scrapedApps(table, settingsOf, scope)) {
        for (const instance of byIndex(instances)) {
          yield before +
            print(`/singleTargetMetrics/${instance.app.appId}/${instance.index}`, instance);
          before = ',';
        }
      }
      if (scope === 'all') {
        yield before + print('/promregatorMetrics'); // operators alone may read it
        before = ',';
      }
      yield before === '[' ? '[]' : ']';
    };
    answerPieces(ctx, 'application/json', pieces());
  };
}

/** Prints the group of a target. The order of the labels is Promregator's. */
function printer(
  { address, scheme }: OwnAddress,
  isSchemeSet: boolean,
): (path: string, instance?: Instance) => string {
  const hasPort = /:\d+$/.test(address);
  const target = hasPort ? address : `${address}:${scheme === 'https' ? 443 : 80}`;
  const targets = JSON.stringify([target]);
  const told = scheme === 'https' || isSchemeSet ? scheme : null;
  return (path, instance) => {
    const { app, index = null } = instance ?? {};
    const labels = {
      __meta_promregator_target_path: path,
      __meta_promregator_target_orgName: app?.organizationName ?? null,
      __meta_promregator_target_spaceName: app?.spaceName ?? null,
      __meta_promregator_target_applicationName: app?.appName ?? null,
      __meta_promregator_target_applicationId: app?.appId ?? null,
      __meta_promregator_target_instanceNumber: index,
      __meta_promregator_target_instanceId: app ? `${app.appId}:${index}` : null,
      __metrics_path__: path,
      __scheme__: told,
    };
    return `{"targets":${targets},"labels":${JSON.stringify(labels)}}`;
  };
}

/**
 * One instance of each index that Promregator's path can name.
 *
 * During a rolling deploy two instances have one index, but one name: promgate asks the same one of
 * them as long as it runs, so that the samples of the two never mix.
 */
function byIndex(instances: readonly Instance[]): Iterable<Instance> {
  const chosen = new Map<string, Instance>();
  for (const instance of instances) {
    const { app, index, processInstanceId } = instance;
    if (!APP_ID.test(app.appId) || !INDEX.test(index)) continue;
    const other = chosen.get(index);
    if (!other || processInstanceId < other.processInstanceId) chosen.set(index, instance);
  }
  return chosen.values();
}

/** Answers `SINGLE_TARGET_PATH`: the page of one instance as it came, and how the scrape went. */
export function singleTarget(options: AppsOptions): Handler {
  return answering(options, readSingleTarget);
}

/** Reads a request for `SINGLE_TARGET_PATH`. @throws {TextRefusal} */
function readSingleTarget(ctx: RequestContext, options: QuestionOptions): AppQuestion {
  const { scope, target } = ctx.state; // a question must not hold the whole request
  const [, appId = '', index = ''] = SINGLE_TARGET_PATH.exec(target.path)!; // its route
  const isInteger = JAVA_INTEGER.test(index) && Math.abs(Number(index)) < MAX_JAVA_INTEGER;
  if (!isInteger) throw new TextRefusal(400, 'Invalid Instance Number provided');
  if (!APP_ID.test(appId)) throw new TextRefusal(400, 'Invalid Application Id provided');
  const selector: Selector = { text: appId, readings: [{ text: appId }], process: undefined };
  return question(ctx, options, {
    select: () => {
      const found = findInstances(options, scope, selector);
      const own = found.filter((one) => one.app.appId === appId && one.index === index);
      return [...byIndex(own)];
    },
    missing: UNKNOWN,
    withExporters: false,
    style: 'promregator',
    check: () => undefined, // a failed scrape is an answer here
  });
}

/** The parameters of `/cache/invalidate`: what Promregator keeps. */
const CACHES = ['org', 'space', 'application', 'domain', 'route', 'process', 'resolver'];
const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ true: true, on: true, yes: true, 1: true },
  ...{ false: false, off: false, no: false, 0: false, '': false },
};

/**
 * `GET /cache/invalidate`: drops all kept pages if the request names a cache. promgate keeps nothing
 * else that could be too old: the route table follows its sources by itself.
 */
export function invalidateCache(drop: (what: Purge) => Purged): Handler {
  return (ctx) => {
    const given = new URLSearchParams(ctx.state.target.query);
    let isAny = false;
    for (const name of CACHES) {
      const value = given.get(name);
      if (value === null) continue;
      const meant = BOOLEANS[value.toLowerCase()];
      if (meant === undefined) throw new Problem('bad-request', `${name} must be true or false`);
      isAny ||= meant;
    }
    if (isAny) drop({ kind: 'all' });
    ctx.status = 204;
  };
}
