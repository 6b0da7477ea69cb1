/**
 * The groups of servers of the section `query`, opened.
 */
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { parseYaml, readExternalLabels } from '../config/prometheus-yaml.ts';
import { type Lookup, selectInstances } from '../discover/select.ts';
import { parseSelector } from '../discover/selector.ts';
import { isPlaceless } from '../discover/target.ts';
import { compileMatcher } from '../promql/evaluate/match.ts';
import type { Matcher } from '../promql/evaluate/storage.ts';
import { parseMetricSelector } from '../promql/parse.ts';
import { compileRelabel } from '../push/send/relabel.ts';
import type { Discovery } from '../query/discovery/discovery.ts';
import { dnsDiscovery } from '../query/discovery/dns.ts';
import { fileDiscovery } from '../query/discovery/file.ts';
import { httpDiscovery } from '../query/discovery/http.ts';
import type { Federation } from '../query/federation.ts';
import type { DiscoveredServer, GroupSettings } from '../query/groups/settings.ts';
import { TargetServer } from '../query/groups/target-server.ts';
import {
  type FederationOptions,
  type GroupPlan,
  openFederation,
} from '../query/open-federation.ts';
import { type Authorization, DEFAULT_TARGET, type TargetSettings } from '../query/target/http.ts';
import { openTarget } from '../query/target/undici.ts';

type QueryConfig = NonNullable<Config['query']>;
type GroupConfig = QueryConfig['groups'][number];
type ClientConfig = GroupConfig['discovery']['http'][number]['client'];

export interface GroupsOptions extends Pick<FederationOptions, 'onRequest' | 'filterObservers'> {
  /** The instances of a CF app. @throws {Error} as long as they are not known */
  readonly findApp: (app: string) => readonly DiscoveredServer[];
  /** PEM certificates that servers are trusted by whose group names none. */
  readonly authorities: () => Promise<readonly string[]>;
}

/** Discoveries that are slower than this do not hold up the start. */
const DISCOVERY_MS = 5_000;

/** @throws {Error} if a group cannot be used, such as for a wrong regular expression */
export async function openGroups(
  config: QueryConfig,
  { findApp, authorities, ...observers }: GroupsOptions,
): Promise<Federation> {
  const usesTls = config.groups.some(needsAuthorities);
  const trusted = usesTls ? (await authorities()).join('\n') : undefined;
  const clients = new Map<string, GroupConfig['client']>();
  const plans = config.groups.map((group): GroupPlan => {
    clients.set(group.name, group.client);
    return { settings: settingsOf(group), discoveries: discoveriesOf(group, { findApp, trusted }) };
  });
  const { maxSeries, maxSamples, maxBytes } = config;
  const federation = openFederation({
    ...{ groups: plans, bounds: { maxSeries, maxSamples, maxBytes }, ...observers },
    ...{ clock: systemClock, wallMs: Date.now },
    openServer: ({ url }, settings) => {
      const client = clients.get(settings.name)!; // every group is in it
      const target = openTarget(targetSettings(url, client, trusted));
      return new TargetServer({
        ...{ target, settings, readLabels: readExternalLabels, nowMs: Date.now },
      });
    },
  });
  const enough = new Promise<void>((resolve) => setTimeout(resolve, DISCOVERY_MS).unref());
  await Promise.race([federation.discovered, enough]);
  return federation;
}

/** The instances of an app as servers. @throws {Error} if the route table has none */
export function serversOfApp(table: Lookup, app: string): readonly DiscoveredServer[] {
  const instances = selectInstances(table, parseSelector({ path: encodeURI(app) }));
  if (instances.length === 0) throw new Error('the route table has no instance of this app');
  return instances
    .filter((instance) => !instance.ambiguous && !isPlaceless(instance.endpoint))
    .map(({ endpoint, app: { organizationName, spaceName, appName }, index }) => ({
      address: endpoint.address,
      labels: {
        __scheme__: endpoint.tls ? 'https' : 'http',
        ...{ __meta_cf_organization: organizationName, __meta_cf_space: spaceName },
        ...{ __meta_cf_app: appName, __meta_cf_instance: index },
      },
    }));
}

/** Whether a server may be asked by TLS without authorities of its own. */
function needsAuthorities({ scheme, client, relabel, discovery }: GroupConfig): boolean {
  const isOpen = (one: ClientConfig): boolean => one.tls?.ca === undefined;
  const mayBeTls =
    scheme === 'https' ||
    relabel.some(({ targetLabel }) => targetLabel === '__scheme__') ||
    client.authorization?.kind === 'oauth2';
  return (mayBeTls && isOpen(client)) || discovery.http.some((one) => isOpen(one.client));
}

function settingsOf(group: GroupConfig): GroupSettings {
  const { name, ordinal, discovery, relabel, injectMatchers, ...rest } = group;
  return {
    ...rest,
    ...{ name, ordinal, staticServers: discovery.staticServers, relabel: compileRelabel(relabel) },
    injectMatchers: matchersOf(injectMatchers),
  };
}

/** @throws {Error} for a matcher that is none */
function matchersOf(texts: readonly string[]): readonly Matcher[] {
  if (texts.length === 0) return [];
  // A selector has to name something; the first matcher stands for that, and is left out again.
  const matchers = parseMetricSelector(`{__name__=~".+",${texts.join(',')}}`).slice(1);
  for (const matcher of matchers) compileMatcher(matcher);
  return matchers;
}

interface Surroundings extends Pick<GroupsOptions, 'findApp'> {
  readonly trusted: string | undefined;
}

function discoveriesOf(
  { discovery }: GroupConfig,
  { findApp, trusted }: Surroundings,
): readonly Discovery[] {
  const { files, dns, http, apps } = discovery;
  return [
    ...files.map((one) => fileDiscovery({ ...one, parseYaml })),
    ...dns.map((one) => dnsDiscovery(one)),
    ...http.map(({ url, refreshMs, client }) => {
      const { origin } = new URL(url);
      const target = openTarget({
        ...DEFAULT_TARGET,
        ...clientOf(client, trusted),
        url: new URL(origin),
      });
      return httpDiscovery({ target, url, refreshMs });
    }),
    ...apps.map(({ app, refreshMs }) => ({
      ...{ name: `app_sd_configs ${app}`, refreshMs, find: async () => findApp(app) },
    })),
  ];
}

function targetSettings(
  url: string,
  client: GroupConfig['client'],
  trusted: string | undefined,
): TargetSettings {
  const { headers, queryParameters, gzip, headTimeoutMs, idleTimeoutMs, maxConnections } = client;
  return {
    ...{ url: new URL(url), headers, queryParameters, gzip, headTimeoutMs, idleTimeoutMs },
    maxConnections,
    ...clientOf(client, trusted),
  };
}

function clientOf(client: ClientConfig, trusted: string | undefined) {
  const { authorization, tls, proxy, followsRedirects, dialTimeoutMs } = client;
  const trust = { ...(trusted !== undefined && { ca: trusted }), ...tls };
  return {
    ...(authorization && { authorization: authorizationOf(authorization, trusted) }),
    ...(Object.keys(trust).length > 0 && { tls: trust }),
    ...(proxy && { proxy: { ...proxy, url: new URL(proxy.url) } }),
    ...{ followsRedirects, dialTimeoutMs },
  };
}

function authorizationOf(
  given: NonNullable<ClientConfig['authorization']>,
  trusted: string | undefined,
): Authorization {
  if (given.kind !== 'oauth2') return given;
  const { tls, proxy, tokenUrl, ...rest } = given;
  const trust = { ...(trusted !== undefined && { ca: trusted }), ...tls };
  return {
    ...rest,
    ...{ tokenUrl: new URL(tokenUrl), tls: trust },
    ...(proxy && { proxy: { ...proxy, url: new URL(proxy.url) } }),
  };
}
