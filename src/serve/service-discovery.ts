/**
 * `GET /sd/apps`: the apps, or with `?per=instance` their instances, as targets for Prometheus.
 *
 * Each target has labels that no other target has, so that each target's `up` is a separate series
 * without relabelling. The list has the apps that `/v1/apps/<guid>/metrics` answers for: those with
 * instances of the process type that their bindings name, by default `web`.
 *
 * @see https://prometheus.io/docs/prometheus/latest/http_sd/
 */
import type { Instance } from '../discover/instance.ts';
import { distinctInstances, ofProcess } from '../discover/select.ts';
import { instancePath } from './app-paths.ts';
import type { SettingsOf } from './app-settings.ts';
import { Problem } from './errors.ts';
import { type AddressOptions, type OwnAddress, ownAddress } from './own-address.ts';
import type { Handler } from './request.ts';
import { type Scope, sees } from './scope.ts';
import { answerPieces } from './stream.ts';

export interface AppSource {
  /** The instances of each app; an address may occur several times, once for each route. */
  apps(): Iterable<readonly Instance[]>;
}

export interface ServiceDiscoveryOptions extends AddressOptions {
  readonly table: AppSource;
  /** Whether the table counts as complete. Until then 503 makes Prometheus keep its targets. */
  readonly tableKnown: () => boolean;
  readonly settingsOf: SettingsOf;
}

export function serviceDiscovery(options: ServiceDiscoveryOptions): Handler {
  const { table, tableKnown, settingsOf } = options;
  return (ctx) => {
    const per = readPer(ctx.state.target.query);
    if (!tableKnown()) {
      throw new Problem('starting', 'no route source has answered yet', {
        headers: { 'Retry-After': '5' },
      });
    }
    const self = ownAddress(ctx, options);
    ctx.vary('X-Forwarded-Host, X-Forwarded-Proto, Host');
    const apps = scrapedApps(table, settingsOf, ctx.state.scope);
    answerPieces(
      ctx,
      'application/json',
      print(apps, per === 'app' ? appGroup : instanceGroups, self),
    );
  };
}

function readPer(query: string): 'app' | 'instance' {
  const per = new URLSearchParams(query).get('per') ?? 'app';
  if (per === 'app' || per === 'instance') return per;
  throw new Problem('bad-request', 'per must be app or instance');
}

type Labels = Readonly<Record<string, string>>;
type Group = (instances: readonly Instance[], self: OwnAddress) => Labels[];

function* print(
  apps: Iterable<readonly Instance[]>,
  group: Group,
  self: OwnAddress,
): Generator<string> {
  const targets = JSON.stringify([self.address]);
  let before = '[';
  for (const instances of apps) {
    for (const labels of group(instances, self)) {
      yield `${before}{"targets":${targets},"labels":${JSON.stringify(labels)}}`;
      before = ',\n';
    }
  }
  yield before === '[' ? '[]\n' : ']\n';
}

/** The instances of each app that the app's guid selects, as in `distinctInstances`. */
export function* scrapedApps(
  table: AppSource,
  settingsOf: SettingsOf,
  scope: Scope,
): Generator<readonly Instance[]> {
  for (const all of table.apps()) {
    const visible = all.filter(({ app }) => app.appId !== '' && sees(scope, app));
    if (visible.length === 0) continue;
    const instances = distinctInstances(ofProcess(visible, settingsOf(visible[0]!.app).process));
    if (instances.length > 0) yield instances;
  }
}

const appGroup: Group = (instances, self) => {
  const { app } = instances[0]!; // the caller leaves out apps without instances
  const path = `/v1/apps/${segment(app.appId)}/metrics`;
  return [
    {
      ...appLabels(instances[0]!, self, path),
      instance: `${app.organizationName}/${app.spaceName}/${app.appName}`,
      __meta_cf_instances: String(instances.length),
    },
  ];
};

const instanceGroups: Group = (instances, self) =>
  instances.flatMap((instance) => {
    const { endpoint, index, processInstanceId } = instance;
    const path = instancePath(instance);
    if (path === undefined) return [];
    return {
      ...appLabels(instance, self, path),
      instance: endpoint.address,
      index,
      __meta_cf_instance_index: index,
      __meta_cf_instance_address: endpoint.address,
      __meta_cf_process_instance_id: processInstanceId,
      __meta_cf_process_type: instance.processType,
      __meta_cf_availability_zone: endpoint.availabilityZone,
      __meta_cf_isolation_segment: endpoint.isolationSegment,
    };
  });

/** Encodes a path segment. `encodeURIComponent` throws for malformed Unicode, so it is replaced. */
function segment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function appLabels({ app, host }: Instance, { scheme }: OwnAddress, path: string): Labels {
  return {
    organization_name: app.organizationName,
    space_name: app.spaceName,
    app_name: app.appName,
    app_id: app.appId,
    __scheme__: scheme,
    __metrics_path__: path,
    __meta_cf_organization_id: app.organizationId,
    __meta_cf_organization_name: app.organizationName,
    __meta_cf_space_id: app.spaceId,
    __meta_cf_space_name: app.spaceName,
    __meta_cf_app_id: app.appId,
    __meta_cf_app_name: app.appName,
    __meta_cf_route: host,
  };
}
