/**
 * A simulated foundation: apps as gorouter's `/routes` shows them.
 *
 * Guids are made from names, so that the same apps have the same guids in every run.
 * `gorouter.ts` serves the table; `app-instances.ts` stands for what it points at.
 */
import { createHash } from 'node:crypto';

/** One endpoint as gorouter prints it (`route/pool.go`, `Endpoint.MarshalJSON`). */
export interface GorouterEndpoint {
  readonly address: string;
  readonly availability_zone: string;
  readonly protocol: string;
  readonly tls: boolean;
  readonly ttl: number;
  readonly route_service_url?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly isolation_segment?: string;
  readonly private_instance_id?: string;
  readonly server_cert_domain_san?: string;
}

/** Route to endpoints: the whole answer of `/routes`. */
export type RoutesJson = Readonly<Record<string, readonly GorouterEndpoint[]>>;

/** One process of an app and where its instances listen. */
export interface SimulatedApp {
  readonly organization: string;
  readonly space: string;
  readonly name: string;
  /** `host` or `host/path`; default `<name>.apps.example.com`. */
  readonly routes?: readonly string[];
  /** `host:port` of each instance; its place is its index. */
  readonly addresses: readonly string[];
  /** Default `web`. */
  readonly processType?: string;
  /** Tells apart the two web processes of a rolling deploy; default ''. */
  readonly revision?: string;
  /** TLS with a certificate for the instance's own guid, as Diego's proxies have. */
  readonly tls?: boolean;
  readonly protocol?: 'http1' | 'http2';
  readonly tags?: Readonly<Record<string, string>>;
}

/** What guid the simulated foundation gives: `guidOf('app', 'my-org', 'dev', 'shop')`. */
function guidOf(...names: readonly string[]): string {
  const hex = createHash('sha256').update(names.join('\0')).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`];
  return [...parts, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

/** The guid of an app, as the tag `app_id` has it. */
export function appGuid({ organization, space, name }: SimulatedApp): string {
  return guidOf('app', organization, space, name);
}

/** The endpoints of one app, in the order of their index. */
export function endpointsOf(app: SimulatedApp): GorouterEndpoint[] {
  const { organization, space, name, processType = 'web', revision = '', tls = false } = app;
  const appId = appGuid(app);
  const isFirstWeb = processType === 'web' && revision === '';
  const processId = isFirstWeb ? appId : guidOf('process', appId, processType, revision);
  return app.addresses.map((address, index) => {
    const instanceGuid = guidOf('instance', processId, String(index));
    return {
      address,
      availability_zone: `z${(index % 3) + 1}`,
      protocol: app.protocol ?? 'http1',
      tls,
      ttl: 120,
      tags: {
        component: 'route-emitter',
        app_id: appId,
        app_name: name,
        instance_id: String(index),
        organization_id: guidOf('organization', organization),
        organization_name: organization,
        process_id: processId,
        process_instance_id: instanceGuid,
        process_type: processType,
        source_id: appId,
        space_id: guidOf('space', organization, space),
        space_name: space,
        ...app.tags,
      },
      private_instance_id: instanceGuid,
      ...(tls ? { server_cert_domain_san: instanceGuid } : {}),
    };
  });
}

/** The table of all `apps`: the same route in two of them has the endpoints of both. */
export function routesJson(apps: readonly SimulatedApp[]): RoutesJson {
  const routes: Record<string, GorouterEndpoint[]> = {};
  for (const app of apps) {
    const endpoints = endpointsOf(app);
    for (const route of app.routes ?? [`${app.name}.apps.example.com`]) {
      routes[route] = [...(routes[route] ?? []), ...endpoints];
    }
  }
  return routes;
}

/** Half of the endpoints of each route, as a gorouter that has just started shows them. */
export function halved(routes: RoutesJson): RoutesJson {
  return Object.fromEntries(
    Object.entries(routes).map(([route, endpoints]) => [
      route,
      endpoints.slice(0, Math.ceil(endpoints.length / 2)),
    ]),
  );
}
