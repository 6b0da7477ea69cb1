/**
 * `/api/v1/metadata`, `/targets`, `/targets/metadata`, `/scrape_pools`, `/alertmanagers`, `/rules`,
 * `/alerts` and `/query_exemplars`: what the servers below know besides samples.
 */
import { joinExemplars } from '../../query/answers/exemplars.ts';
import { joinMetadata } from '../../query/answers/metadata.ts';
import { textsOf } from '../../query/answers/shape.ts';
import {
  joinAlertmanagers,
  joinScrapePools,
  joinTargetMetadata,
  joinTargets,
} from '../../query/answers/targets.ts';
import { seenBy } from '../../query/answers/visible.ts';
import { selectorsIn } from '../../query/selectors.ts';
import { badParameter } from '../query-errors.ts';
import type { Handler } from '../request.ts';
import { jsonAnswer, listPieces, objectPieces } from './answer.ts';
import type { EngineSettings } from './engine.ts';
import { readQuery } from './engine.ts';
import { type Asking, type FederatedOptions, federated, inTurns, remarksOf } from './federated.ts';
import { limitOf, readParameters, requiredTime } from './parameters.ts';
import { requireOperator } from './tenants.ts';

export function metadata(options: FederatedOptions): Handler {
  return federated(options, 'metadata', async (asking) => {
    const { parameters, scope, ask } = asking;
    const limit = limitOf(parameters);
    const perMetric = limitOf(parameters, 'limit_per_metric');
    const metric = parameters.get('metric') ?? '';
    const found = await ask({ path: 'metadata', parameters: metric === '' ? {} : { metric } });
    const isTenant = scope.tenants.length > 0;
    const joined = joinMetadata(found.answers, { limit: isTenant ? 0 : limit, perMetric });
    const all = await inTurns(joined);
    const remarks = remarksOf(found);
    if (!isTenant) return { ...remarks, data: objectPieces(all) };
    const names = await namesOf(asking);
    const own = all.filter(([name]) => names.has(familyOf(name, names)));
    return { ...remarks, data: objectPieces(limit > 0 ? own.slice(0, limit) : own) };
  });
}

/** The names of the series that a tenant may see. */
async function namesOf({ ask }: Asking): Promise<ReadonlySet<string>> {
  const { answers } = await ask({ path: 'label/__name__/values' });
  return new Set(answers.flatMap(textsOf));
}

/** Metadata has the names of families; series those of their parts. */
function familyOf(name: string, names: ReadonlySet<string>): string {
  const parts = ['', '_bucket', '_sum', '_count', '_total', '_created', '_info'];
  return parts.map((part) => name + part).find((one) => names.has(one)) ?? name;
}

export function targets(options: FederatedOptions): Handler {
  return federated(options, 'targets', async ({ parameters, scope, ask }) => {
    const state = parameters.get('state') ?? '';
    const scrapePool = parameters.get('scrapePool') ?? '';
    const found = await ask({
      path: 'targets',
      parameters: { ...(state !== '' && { state }), ...(scrapePool !== '' && { scrapePool }) },
    });
    const data = joinTargets(found.answers, seenBy(scope), scope.tenants.length === 0);
    return jsonAnswer(data, remarksOf(found));
  });
}

export function targetMetadata(options: FederatedOptions): Handler {
  return federated(options, 'targets_metadata', async ({ parameters, scope, ask }) => {
    const asked = ['match_target', 'metric'].flatMap((name) => {
      const text = parameters.get(name) ?? '';
      return text === '' ? [] : [[name, text]];
    });
    const found = await ask({ path: 'targets/metadata', parameters: Object.fromEntries(asked) });
    const all = joinTargetMetadata(found.answers, seenBy(scope));
    const limit = limitOf(parameters);
    return { ...remarksOf(found), data: listPieces(limit > 0 ? all.slice(0, limit) : all) };
  });
}

export function scrapePools(options: FederatedOptions): Handler {
  return federated(options, 'scrape_pools', async ({ ctx, ask }) => {
    requireOperator(ctx.state.scope);
    const found = await ask({ path: 'scrape_pools' });
    return jsonAnswer({ scrapePools: joinScrapePools(found.answers) }, remarksOf(found));
  });
}

export function alertmanagers(options: FederatedOptions): Handler {
  return federated(options, 'alertmanagers', async ({ ctx, ask }) => {
    requireOperator(ctx.state.scope);
    const found = await ask({ path: 'alertmanagers' });
    return jsonAnswer(joinAlertmanagers(found.answers), remarksOf(found));
  });
}

/** Without a selector in the expression there is nothing to ask for: Prometheus answers 204. */
export function exemplars(
  options: FederatedOptions & { readonly settings: () => EngineSettings },
): Handler {
  const asking = federated(options, 'query_exemplars', async ({ parameters, scope, ask }) => {
    const { matchers, ...times } = exemplarsAsked(parameters, options.settings());
    const found = await ask({ path: 'query_exemplars', matchers, ...times });
    return { ...remarksOf(found), data: listPieces(joinExemplars(found.answers, seenBy(scope))) };
  });
  return async (ctx, next) => {
    const { matchers } = exemplarsAsked(await readParameters(ctx), options.settings());
    if (matchers.length > 0) await asking(ctx, next);
    else ctx.status = 204;
  };
}

function exemplarsAsked(parameters: URLSearchParams, settings: EngineSettings) {
  const startMs = requiredTime(parameters, 'start');
  const endMs = requiredTime(parameters, 'end');
  if (endMs < startMs) {
    throw badParameter('end', 'end timestamp must not be before start timestamp');
  }
  const { tree } = readQuery(parameters.get('query') ?? '', settings);
  return { startMs, endMs, matchers: selectorsIn(tree) };
}
