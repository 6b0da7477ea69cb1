/**
 * A service that Cloud Foundry binds to promgate, however the platform passes it.
 */

/** Where a bound service comes from: the variable of the environment that leads to it. */
export type ServiceSource = 'VCAP_SERVICES' | 'VCAP_SERVICES_FILE_PATH' | 'SERVICE_BINDING_ROOT';

export interface BoundService {
  readonly source: ServiceSource;
  /** The name of the binding or, without one, of the service instance. */
  readonly name: string | undefined;
  readonly tags: readonly string[];
  /** A mapping, unless the platform or a user wrote something else. */
  readonly credentials: unknown;
}

export interface BoundServices {
  readonly services: readonly BoundService[];
  /** One line for each thing that could not be read. */
  readonly faults: readonly string[];
}

/** Names a service in a message. */
export function serviceName({ name }: BoundService): string {
  return JSON.stringify(name ?? '').slice(0, 80);
}

/** @returns undefined if the text is not JSON; an error would cite the text, which may hold secrets */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the absence is the answer
  }
}
