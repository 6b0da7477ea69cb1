/**
 * A platform that calls the broker as Cloud Controller does: `cf create-service`, `cf bind-service`.
 */
import { DEFAULT_OFFERING } from '../../broker/offering.ts';

export interface BrokerAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a broker answers is what a test is about
  readonly body: any;
}

export interface PlatformOptions {
  /** Of promgate. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** Default: what Cloud Controller declares. */
  readonly version?: string;
}

export interface BindingOf {
  /** Undefined asks for a service key. */
  readonly appId?: string | undefined;
  readonly spaceId?: string;
  readonly parameters?: object;
}

export const BROKER = { username: 'cf', password: 'broker-password' } as const;

export class Platform {
  readonly #options: Required<PlatformOptions>;

  constructor(options: PlatformOptions) {
    this.#options = { ...BROKER, version: '2.15', ...options };
  }

  /** Any call: the path is below `/broker/v2`. */
  async call(method: string, path: string, body?: unknown): Promise<BrokerAnswer> {
    const { url, username, password, version } = this.#options;
    const answer = await fetch(`${url}/broker/v2${path}`, {
      method,
      headers: {
        Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
        'X-Broker-API-Version': version,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json() };
  }

  createService(id: string, spaceId = 'space'): Promise<BrokerAnswer> {
    return this.call('PUT', `/service_instances/${id}`, {
      ...IDS,
      organization_guid: 'organization',
      space_guid: spaceId,
      context: { platform: 'cloudfoundry', space_guid: spaceId },
    });
  }

  deleteService(id: string): Promise<BrokerAnswer> {
    return this.call('DELETE', `/service_instances/${id}?${QUERY}`);
  }

  bind(instanceId: string, id: string, binding: BindingOf = {}): Promise<BrokerAnswer> {
    const { appId, spaceId = 'space', parameters } = binding;
    return this.call('PUT', bindingPath(instanceId, id), {
      ...IDS,
      ...(appId !== undefined && { app_guid: appId }),
      bind_resource:
        appId === undefined
          ? { credential_client_id: 'cc' }
          : { app_guid: appId, space_guid: spaceId },
      context: { platform: 'cloudfoundry', space_guid: spaceId },
      ...(parameters && { parameters }),
    });
  }

  binding(instanceId: string, id: string): Promise<BrokerAnswer> {
    return this.call('GET', bindingPath(instanceId, id));
  }

  unbind(instanceId: string, id: string): Promise<BrokerAnswer> {
    return this.call('DELETE', `${bindingPath(instanceId, id)}?${QUERY}`);
  }
}

const IDS = { service_id: DEFAULT_OFFERING.serviceId, plan_id: DEFAULT_OFFERING.planId };
const QUERY = new URLSearchParams(IDS).toString();

function bindingPath(instanceId: string, id: string): string {
  return `/service_instances/${instanceId}/service_bindings/${id}`;
}
