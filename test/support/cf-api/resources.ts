/**
 * A simulated foundation in the JSON of the CF API, version 3.
 */
import type {
  WorldApp,
  WorldBinding,
  WorldDomain,
  WorldOrganization,
  WorldProcess,
  WorldRoute,
  WorldService,
  WorldSpace,
} from './world.ts';

const API = 'https://api.example.com';
const CREATED = '2026-01-01T00:00:00Z';

function organizationJson({ guid, name }: WorldOrganization): object {
  return {
    guid,
    created_at: CREATED,
    updated_at: CREATED,
    name,
    suspended: false,
    ...links('organizations', guid),
  };
}

function spaceJson({ guid, name, organization }: WorldSpace): object {
  return {
    ...{ guid, created_at: CREATED, updated_at: CREATED, name },
    relationships: { organization: to(organization.guid), quota: { data: null } },
    ...links('spaces', guid),
  };
}

export function appJson(app: WorldApp): object {
  const { guid, name, state, space, labels, annotations } = app;
  return {
    ...{ guid, created_at: CREATED, updated_at: date(app.updatedMs), name, state },
    lifecycle: {
      type: 'buildpack',
      data: { buildpacks: ['nodejs_buildpack'], stack: 'cflinuxfs4' },
    },
    relationships: { space: to(space.guid), current_droplet: to(guid) },
    metadata: { labels, annotations },
    ...links('apps', guid, [
      'environment_variables',
      'droplets',
      'processes',
      'tasks',
      'revisions',
    ]),
  };
}

export function processJson(process: WorldProcess, embeds: boolean): object {
  const { guid, app, type, instances } = process;
  return {
    ...{ guid, created_at: CREATED, updated_at: date(process.updatedMs), version: guid, type },
    ...{ command: '[PRIVATE DATA HIDDEN IN LISTS]', user: 'vcap' },
    ...{ instances: instances.length, memory_in_mb: 256, disk_in_mb: 1024 },
    log_rate_limit_in_bytes_per_second: 16_384,
    health_check: {
      type: 'port',
      data: { timeout: null, invocation_timeout: null, interval: null },
    },
    readiness_health_check: { type: 'process', data: { invocation_timeout: null, interval: null } },
    relationships: { app: to(app.guid), revision: { data: null } },
    metadata: { labels: {}, annotations: {} },
    ...links('processes', guid, ['scale', 'app', 'space', 'stats']),
    ...(embeds && {
      process_instances: instances.map(({ state, sinceMs }, index) => ({
        ...{ index, state, since: Math.floor(sinceMs / 1000) },
      })),
    }),
  };
}

export function statsJson({ type, instances }: WorldProcess): object {
  return {
    resources: instances.map((one, index) => {
      const { guid, state, cell, containerIp, tlsPorts } = one;
      if (state === 'DOWN') return { type, index, state, uptime: 0, details: null };
      return {
        ...{ type, index, instance_guid: guid, state, routable: state === 'RUNNING', host: cell },
        instance_internal_ip: containerIp,
        uptime: 100,
        ...{
          mem_quota: 268_435_456,
          disk_quota: 1_073_741_824,
          log_rate_limit: 16_384,
          fds_quota: 16_384,
        },
        ...{ isolation_segment: null, details: null },
        usage: { time: CREATED, cpu: 0.01, cpu_entitlement: 0.1, mem: 1, disk: 1, log_rate: 0 },
        instance_ports: [...tlsPorts].map(([internal, tls]) => ({
          ...{
            external: 0,
            internal,
            external_tls_proxy_port: tls,
            internal_tls_proxy_port: 61_443,
          },
        })),
      };
    }),
  };
}

export function routeJson(route: WorldRoute): object {
  const { guid, space, domain, host, path, port, destinations } = route;
  const name = host === '' ? domain.name : `${host}.${domain.name}`;
  return {
    ...{ guid, created_at: CREATED, updated_at: date(route.updatedMs) },
    ...{ protocol: port === undefined ? 'http' : 'tcp', host, path, port: port ?? null },
    url: `${name}${port === undefined ? '' : `:${port}`}${path}`,
    destinations: destinations.map(({ app, processType, port: appPort, protocol }, at) => ({
      guid: `${guid}-${at}`,
      app: { guid: app.guid, process: { type: processType } },
      ...{ weight: null, port: appPort, protocol, created_at: CREATED, updated_at: CREATED },
    })),
    ...{ metadata: { labels: {}, annotations: {} }, options: {} },
    relationships: { space: to(space.guid), domain: to(domain.guid) },
    ...links('routes', guid, ['space', 'destinations', 'domain']),
  };
}

function domainJson({ guid, name, internal, identityAware }: WorldDomain): object {
  return {
    ...{ guid, created_at: CREATED, updated_at: CREATED, name, internal, router_group: null },
    supported_protocols: ['http'],
    ...(identityAware && { enforce_route_policies: true, route_policies_scope: 'any' }),
    ...links('domains', guid),
  };
}

export function serviceJson({ guid, name, space, drainUrl }: WorldService): object {
  return {
    ...{ guid, created_at: CREATED, updated_at: CREATED, name, tags: [], type: 'user-provided' },
    ...{ syslog_drain_url: drainUrl, route_service_url: null },
    relationships: { space: to(space.guid) },
    ...links('service_instances', guid, ['space', 'credentials']),
  };
}

export function bindingJson({ guid, app, service }: WorldBinding): object {
  return {
    ...{ guid, created_at: CREATED, updated_at: CREATED, name: null, type: 'app' },
    relationships: { app: to(app.guid), service_instance: to(service.guid) },
    ...links('service_credential_bindings', guid, ['details', 'parameters']),
  };
}

/** The spaces and organizations of apps, as `include=space.organization` gives them. */
export function includedSpaces(apps: readonly WorldApp[]): object {
  const spaces = [...new Set(apps.map(({ space }) => space))];
  const organizations = [...new Set(spaces.map(({ organization }) => organization))];
  return { spaces: spaces.map(spaceJson), organizations: organizations.map(organizationJson) };
}

export function includedDomains(routes: readonly WorldRoute[]): object {
  return { domains: [...new Set(routes.map(({ domain }) => domain))].map(domainJson) };
}

/** Whether a selector such as `a=b,!c,d in (e,f)` selects these labels. */
export function selects(selector: string, labels: Readonly<Record<string, string>>): boolean {
  const parts = selector.match(/[^,(]+(?:\([^)]*\))?/g) ?? [];
  return parts.every((part) => {
    const [, not, key = '', rest = ''] = /^\s*(!?)([^!=\s]+)\s*(.*)$/.exec(part) ?? [];
    const value = labels[key];
    if (rest === '') return (value === undefined) === (not === '!');
    const [, operator = '', list = ''] = /^(==|=|!=|in|notin)\s*(.*)$/.exec(rest) ?? [];
    const values = list
      .replace(/[()]/g, '')
      .split(',')
      .map((one) => one.trim());
    const isIn = value !== undefined && values.includes(value);
    return operator === '!=' || operator === 'notin' ? !isIn : isIn;
  });
}

function to(guid: string): object {
  return { data: { guid } };
}

function date(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function links(kind: string, guid: string, more: readonly string[] = []): object {
  const self = { self: { href: `${API}/v3/${kind}/${guid}` } };
  const others = more.map((name) => [name, { href: `${API}/v3/${kind}/${guid}/${name}` }]);
  return { links: { ...self, ...Object.fromEntries(others) } };
}
