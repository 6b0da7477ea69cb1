/**
 * What can be done with service instances, without HTTP.
 *
 * An account with spaces sees what belongs to them; all else is for it as if it did not exist.
 */
import { type Account, requireSpace, seesSpace } from './account.ts';
import type { BindingStore, ServiceInstance } from './binding-store.ts';
import { canonicalJson } from './canonical.ts';
import type { Json } from './fields.ts';
import type { Offering } from './offering.ts';
import type { ParameterCheck } from './parameters.ts';
import { Refusal } from './refusal.ts';
import { readProvision, readUpdate } from './request.ts';

export interface InstancesOptions {
  readonly store: BindingStore;
  readonly offering: Offering;
  readonly check: ParameterCheck;
  /** Whether an unknown instance counts as one that Promfetcher's broker made and stored nowhere. */
  readonly adopt: boolean;
  /** Called after each change that was made. */
  readonly onChange: () => Promise<unknown>;
}

export class Instances {
  readonly #options: InstancesOptions;

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /**
   * @returns whether it is new; it is there already if the same was asked before
   * @throws {Refusal} `bad-request`, `unacceptable`, `maintenance`, `conflict`
   */
  async provision(account: Account, id: string, body: Json): Promise<boolean> {
    const { store } = this.#options;
    let wanted: ServiceInstance;
    try {
      wanted = this.#readInstance(account, id, body);
    } catch (refusal) {
      const isOther = refusal instanceof Refusal && refusal.reason === 'unacceptable';
      if (isOther && (await this.find(account, id))) throw conflict(refusal);
      throw refusal;
    }
    const { created, instance } = await store.putInstance(wanted);
    if (created) void this.#options.onChange();
    else if (!isSame(instance, wanted)) throw conflict();
    return created;
  }

  #readInstance(account: Account, id: string, body: Json): ServiceInstance {
    const { offering, check } = this.#options;
    const { parameters, ...rest } = readProvision(body, offering);
    requireSpace(account, rest.spaceId);
    return { id, ...rest, parameters: canonicalJson(check.instance(parameters)) };
  }

  /** @throws {Refusal} `bad-request`, `unacceptable`, `maintenance`, `plan-change`, `not-found` */
  async update(account: Account, id: string, body: Json): Promise<void> {
    const { store, offering, check, onChange } = this.#options;
    const wanted = readUpdate(body, offering);
    const parameters = wanted.parameters && canonicalJson(check.instance(wanted.parameters));
    let found = await this.find(account, id);
    const isUnknown = !found && (await this.isAdoptable(account, id));
    if (!found && !isUnknown) throw unknownInstance();
    const { serviceId, planId = found?.planId ?? offering.planId, belonging } = wanted;
    if (planId !== (found ?? offering).planId) {
      throw new Refusal('plan-change', 'the plan of a service instance cannot be changed');
    }
    found ??= await this.adopt(account, { id, serviceId, planId, ...belonging, parameters: '{}' });
    if (!found) throw unknownInstance();
    if (parameters === undefined || parameters === found.parameters) return;
    if (!(await store.updateInstance(id, parameters))) throw unknownInstance();
    void onChange();
  }

  /** Deletes its bindings too. @returns whether there was such an instance */
  async deprovision(account: Account, id: string): Promise<boolean> {
    const { store, onChange } = this.#options;
    if (!(await this.find(account, id))) return false;
    const deleted = await store.deleteInstance(id);
    if (deleted) await onChange();
    return deleted;
  }

  /** @throws {Refusal} `not-found` */
  async fetch(account: Account, id: string, query: URLSearchParams): Promise<object> {
    const { offering, adopt } = this.#options;
    const stored = await this.#options.store.instance(id);
    if (stored && seesSpace(account, stored.spaceId)) {
      const { serviceId, planId, parameters } = stored;
      return { service_id: serviceId, plan_id: planId, parameters: JSON.parse(parameters) };
    }
    // Nothing is stored of what is only looked at, as the request does not say whose it is.
    const { serviceId, planId } = offering;
    const isOurs = query.get('service_id') === serviceId && query.get('plan_id') === planId;
    if (stored || !adopt || !isOurs || account.spaces) throw unknownInstance();
    return { service_id: serviceId, plan_id: planId, parameters: {} };
  }

  async find(account: Account, id: string): Promise<ServiceInstance | undefined> {
    const stored = await this.#options.store.instance(id);
    return stored && seesSpace(account, stored.spaceId) ? stored : undefined;
  }

  /**
   * Whether it is stored nowhere, and such instances are taken over. Nobody can tell whose space it is in:
   * it is nothing for an account with spaces, which could make another's its own.
   */
  async isAdoptable({ spaces }: Account, id: string): Promise<boolean> {
    const { store, adopt } = this.#options;
    return adopt && spaces === undefined && (await store.instance(id)) === undefined;
  }

  /**
   * Takes over an adoptable instance.
   *
   * @returns undefined if meanwhile it became one that the account does not see
   */
  async adopt(account: Account, instance: ServiceInstance): Promise<ServiceInstance | undefined> {
    const { store, onChange } = this.#options;
    const put = await store.putInstance(instance);
    if (put.created) void onChange();
    return seesSpace(account, put.instance.spaceId) ? put.instance : undefined;
  }
}

function isSame(a: ServiceInstance, b: ServiceInstance): boolean {
  return (
    a.serviceId === b.serviceId &&
    a.planId === b.planId &&
    a.organizationId === b.organizationId &&
    a.spaceId === b.spaceId &&
    a.parameters === b.parameters
  );
}

export function unknownInstance(): Refusal {
  return new Refusal('not-found', 'there is no such service instance');
}

function conflict(cause?: unknown): Refusal {
  const description = 'this service instance exists already, and is another one';
  return new Refusal('conflict', description, { cause });
}
