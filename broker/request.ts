/**
 * Reads the platform's requests from bodies and queries.
 *
 * A malformed request is a `bad-request`; a service or plan outside the catalog is `unacceptable`.
 * All fields are read before the catalog is checked, so a missing field is always a `bad-request`.
 */
import { optionalObject, optionalText, requiredText, usableText } from './fields.ts';
import { normalizeGuid } from './guid.ts';
import { isObject, type Json } from './json.ts';
import { type Offering, requirePlan, requireService } from './offering.ts';
import { Refusal } from './refusal.ts';

/** The organization and space that a request names; '' if the request names none. */
interface Belonging {
  readonly organizationId: string;
  readonly spaceId: string;
}

/** @throws {Refusal} `bad-request`, `unacceptable`, `maintenance` */
export function readProvision(body: Json, offering: Offering) {
  const provision = {
    serviceId: requiredText(body, 'service_id'),
    planId: requiredText(body, 'plan_id'),
    organizationId: requiredText(body, 'organization_guid'),
    spaceId: requiredText(body, 'space_guid'),
    parameters: optionalObject(body, 'parameters') ?? {},
  };
  refuseMaintenance(body);
  requireOffered(offering, provision);
  return provision;
}

/** @throws {Refusal} `bad-request`, `unacceptable`, `maintenance` */
export function readUpdate(body: Json, offering: Offering) {
  const before = optionalObject(body, 'previous_values') ?? {};
  const { organizationId, spaceId } = readContext(body);
  const update = {
    serviceId: requiredText(body, 'service_id'),
    /** Undefined: the plan does not change. */
    planId: optionalText(body, 'plan_id'),
    /** Undefined: the parameters do not change. */
    parameters: optionalObject(body, 'parameters'),
    belonging: {
      organizationId: organizationId || (optionalText(before, 'organization_id') ?? ''),
      spaceId: spaceId || (optionalText(before, 'space_id') ?? ''),
    },
  };
  refuseMaintenance(body);
  requireService(offering, update.serviceId);
  return update;
}

/** @throws {Refusal} `bad-request`, `unacceptable` */
export function readBind(body: Json, offering: Offering) {
  const bind = {
    serviceId: requiredText(body, 'service_id'),
    planId: requiredText(body, 'plan_id'),
    ...readBound(body),
    parameters: optionalObject(body, 'parameters') ?? {},
  };
  requireOffered(offering, bind);
  return bind;
}

/**
 * Reads a rotation. Service and plan are optional: without them the predecessor's count.
 *
 * @throws {Refusal} `bad-request`, `unacceptable`
 */
export function readRotation(body: Json, offering: Offering) {
  const { serviceId = offering.serviceId, ...rotation } = {
    serviceId: optionalText(body, 'service_id'),
    planId: optionalText(body, 'plan_id'),
    ...readBound(body),
    parameters: optionalObject(body, 'parameters'),
  };
  requireOffered(offering, { serviceId, planId: rotation.planId ?? offering.planId });
  return rotation;
}

/** @throws {Refusal} `bad-request` */
export function readPredecessor(body: Json): string | undefined {
  return optionalText(body, 'predecessor_binding_id');
}

/** Deletions must name service and plan, which need not be in the catalog any more. */
export function requireIdsInQuery(query: URLSearchParams): void {
  for (const name of ['service_id', 'plan_id']) {
    if (!query.get(name)) throw new Refusal('bad-request', `${name} is missing in the query`);
  }
}

function requireOffered(
  offering: Offering,
  { serviceId, planId }: Pick<Offering, 'serviceId' | 'planId'>,
): void {
  requireService(offering, serviceId);
  requirePlan(offering, planId);
}

function readBound(body: Json) {
  const resource = optionalObject(body, 'bind_resource') ?? {};
  refuseRoute(resource);
  const appId = optionalText(resource, 'app_guid') ?? optionalText(body, 'app_guid');
  return {
    /** Undefined for a service key. `app_guid` outside `bind_resource` is deprecated. */
    appId: appId === undefined ? undefined : normalizeGuid(appId),
    /** The app's space; undefined for a service key, or if the platform does not name it. */
    resourceSpaceId: optionalText(resource, 'space_guid'),
    context: readContext(body),
    names: readNames(body, resource),
  };
}

/** The names that become labels; a name that cannot become one counts as absent. */
function readNames(body: Json, resource: Json) {
  const context = optionalObject(body, 'context') ?? {};
  return {
    organization_name: usableText(context, 'organization_name'),
    space_name: usableText(context, 'space_name'),
    app_name: usableText(resource, 'app_name') ?? usableText(context, 'app_name'),
  };
}

/** A binding of a route names no app: its token would open the whole space, like a key's. */
function refuseRoute({ route }: Json): void {
  if (route === undefined || route === null || route === '') return;
  const description =
    'bind_resource.route: promgate is not a route service; bind an app, or create a service key';
  throw new Refusal('bad-request', description);
}

function readContext(body: Json): Belonging {
  const context = optionalObject(body, 'context') ?? {};
  return {
    organizationId: optionalText(context, 'organization_guid') ?? '',
    spaceId: optionalText(context, 'space_guid') ?? '',
  };
}

/** The catalog has no `maintenance_info`: a platform that sends some has an outdated catalog. */
function refuseMaintenance(body: Json): void {
  const info = body['maintenance_info'];
  if (info === undefined || info === null) return;
  if (!isObject(info)) throw new Refusal('bad-request', 'maintenance_info must be an object');
  if (optionalText(info, 'version') === undefined) return;
  throw new Refusal('maintenance', 'the catalog has no maintenance_info: fetch the catalog again');
}
