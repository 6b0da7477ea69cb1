/**
 * `GET /routes`: the route table, in gorouter's JSON.
 *
 * @see https://github.com/cloudfoundry/gorouter/blob/main/route/pool.go (Endpoint.MarshalJSON)
 */
import type { Endpoint } from '../discover/instance.ts';
import type { Handler } from './request.ts';
import { answerPieces } from './stream.ts';

export interface RouteSource {
  routes(): Iterable<readonly [route: string, endpoints: readonly Endpoint[]]>;
}

export function routes(table: RouteSource): Handler {
  return (ctx) => answerPieces(ctx, 'application/json', print(table));
}

function* print(table: RouteSource): Generator<string> {
  let before = '{';
  for (const [route, endpoints] of table.routes()) {
    yield `${before}${JSON.stringify(route)}:${JSON.stringify(endpoints.map(toJson))}`;
    before = ',\n';
  }
  yield before === '{' ? '{}\n' : '}\n';
}

/** Keys and their order are gorouter's; what it leaves out when empty is left out here too. */
function toJson(endpoint: Endpoint) {
  return {
    address: endpoint.address,
    availability_zone: endpoint.availabilityZone,
    protocol: endpoint.protocol,
    tls: endpoint.tls,
    ttl: endpoint.ttlSeconds,
    route_service_url: endpoint.routeServiceUrl || undefined,
    tags: endpoint.tags,
    isolation_segment: endpoint.isolationSegment || undefined,
    private_instance_id: endpoint.privateInstanceId || undefined,
    server_cert_domain_san: endpoint.serverCertDomainSan || undefined,
  };
}
