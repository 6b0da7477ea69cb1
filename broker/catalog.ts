/**
 * The catalog, in the API version of the platform.
 *
 * The schemas of 2.13 refuse unknown fields, so a platform gets no field of a version later than
 * its own.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#catalog-management
 */
import { createHash } from 'node:crypto';
import type { Offering } from './offering.ts';
import { BINDING_PARAMETERS, INSTANCE_PARAMETERS, PUSH_PARAMETERS } from './parameters-schema.ts';

export interface CatalogOptions {
  readonly offering: Offering;
  /** The `<minor>` of API version `2.<minor>`. */
  readonly minorVersion: number;
  /** The URL of promgate, without a trailing `/`. */
  readonly baseUrl: string;
}

/** What the catalog says of the plan whose bindings read metrics. */
const READING = {
  description: 'The metrics of all instances of an app as one page, from the path that you name',
  bullets: [
    'Bind an app to say where its metrics are',
    'Create a service key to read the metrics of a whole space',
  ],
  parameters: BINDING_PARAMETERS,
};

/** What the catalog says of the plan whose bindings push metrics. */
const PUSHING = {
  description: 'Push the metrics of tasks and batch jobs, which end before anybody reads them',
  bullets: [
    'Bind an app to push the metrics of its tasks and instances',
    'Create a service key to push the metrics of jobs outside of the platform',
  ],
  parameters: PUSH_PARAMETERS,
};

/** @returns the body of `GET /v2/catalog` */
export function catalog({ offering, minorVersion, baseUrl }: CatalogOptions) {
  const since = (minor: number, fields: object): object => (minorVersion >= minor ? fields : {});
  const { planId, planName, pushPlan } = offering;
  const plans = [
    { id: planId, name: planName, ...READING },
    ...(pushPlan ? [{ ...pushPlan, ...PUSHING }] : []),
  ].map(({ id, name, description, bullets, parameters }) => ({
    ...{ id, name, description, free: true, bindable: true },
    ...since(17, { binding_rotatable: true }),
    metadata: { displayName: name, bullets },
    schemas: {
      service_instance: {
        create: { parameters: INSTANCE_PARAMETERS },
        update: { parameters: INSTANCE_PARAMETERS },
      },
      service_binding: { create: { parameters } },
    },
  }));
  const service = {
    id: offering.serviceId,
    name: offering.serviceName,
    description: 'Fetch the Prometheus metrics of every instance of your app',
    bindable: true,
    ...since(14, { instances_retrievable: true, bindings_retrievable: true }),
    ...since(15, { allow_context_updates: true }),
    plan_updateable: false,
    tags: ['metrics', 'prometheus'],
    metadata: {
      displayName: offering.serviceName,
      longDescription:
        'Merges the Prometheus metrics of all instances of an app into one page, which your own Prometheus reads.',
      documentationUrl: `${baseUrl}/doc`,
      shareable: false, // a binding gives access to the space in which it was created
    },
    plans,
  };
  return { services: [service] };
}

/**
 * The entity tag of an answer, for conditional requests.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
 */
export function entityTag(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

/**
 * Whether a client that sends this `If-None-Match` already has the answer with this `tag`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
 */
export function hasTag(ifNoneMatch: string, tag: string): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
