/**
 * `GET /sd/apps`: the apps, or with `?per=instance` their instances, as Prometheus' targets.
 *
 * Every group carries labels of its own, so that each target's `up` is a series of its own without
 * relabelling. The list holds what `/v1/apps/<guid>/…` answers: apps with instances of the process
 * that their bindings name, web ones by themselves.
 *
 * @see https://prometheus.io/docs/prometheus/latest/http_sd/
 */
import type { Instance } from '../discover/instance.ts';
import { distinctInstances, ofProcess } from '../discover/select.ts';
import type { SettingsOf } from './app-settings.ts';
import { instancePath } from './apps.ts';
import { Problem } from './errors.ts';
import { type AddressOptions, type OwnAddress, ownAddress } from './own-address.ts';
import type { Handler } from './request.ts';
import { type Scope, sees } from './scope.ts';
import { answerPieces } from './stream.ts';

interface AppSource {
  /** The instances of each app; an address may occur under several routes. */
  apps(): Iterable<readonly Instance[]>;
}

export interface ServiceDiscoveryOptions extends AddressOptions {
  readonly table: AppSource;
  /** Whether the table is whole. Until then the answer is 503: Prometheus keeps its targets. */
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
    const door = ownAddress(ctx, options);
    ctx.vary('X-Forwarded-Host, X-Forwarded-Proto, Host');
    const apps = scrapedApps(table, settingsOf, ctx.state.scope);
    answerPieces(
      ctx,
      'application/json',
      print(apps, per === 'app' ? appGroup : instanceGroups, door),
    );
  };
}

function readPer(query: string): 'app' | 'instance' {
  const per = new URLSearchParams(query).get('per') ?? 'app';
  if (per === 'app' || per === 'instance') return per;
  throw new Problem('bad-request', 'per must be app or instance');
}

type Labels = Readonly<Record<string, string>>;
type Group = (instances: readonly Instance[], door: OwnAddress) => Labels[];

function* print(
  apps: Iterable<readonly Instance[]>,
  group: Group,
  door: OwnAddress,
): Generator<string> {
  const targets = JSON.stringify([door.address]);
  let before = '[';
  for (const instances of apps) {
    for (const labels of group(instances, door)) {
      yield `${before}{"targets":${targets},"labels":${JSON.stringify(labels)}}`;
      before = ',\n';
    }
  }
  yield before === '[' ? '[]\n' : ']\n';
}

/** What a guid selects: the instances of each app, each address once, by index and address. */
function* scrapedApps(
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

const appGroup: Group = (instances, door) => {
  const { app } = instances[0]!; // the caller leaves out apps without instances
  const path = `/v1/apps/${segment(app.appId)}/metrics`;
  return [
    {
      ...appLabels(instances[0]!, door, path),
      instance: `${app.organizationName}/${app.spaceName}/${app.appName}`,
      __meta_cf_instances: String(instances.length),
    },
  ];
};

const instanceGroups: Group = (instances, door) =>
  instances.flatMap((instance) => {
    const { endpoint, index, processInstanceId } = instance;
    const path = instancePath(instance);
    if (path === undefined) return [];
    return {
      ...appLabels(instance, door, path),
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

/** A part of a path. Text that is no Unicode stays findable by eye, and costs nobody the list. */
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
