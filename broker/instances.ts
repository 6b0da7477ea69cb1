/**
 * The operations on service instances, without HTTP.
 *
 * For an account with spaces, instances of other spaces do not exist.
 */
import { type Account, requireSpace, seesSpace } from './account.ts';
import type { BindingStore, ServiceInstance } from './binding-store.ts';
import { canonicalJson } from './canonical.ts';
import { isSameGuid } from './guid.ts';
import type { Json } from './json.ts';
import type { Offering } from './offering.ts';
import type { ParameterCheck } from './parameters.ts';
import { Refusal } from './refusal.ts';
import { readProvision, readUpdate } from './request.ts';

export interface InstancesOptions {
  readonly store: BindingStore;
  readonly offering: Offering;
  readonly check: ParameterCheck;
  /** Whether an unknown instance counts as created by Promfetcher's broker, which stored none. */
  readonly adopt: boolean;
  /** Called after each change in the store. */
  readonly onChange: () => Promise<unknown>;
}

export class Instances {
  readonly #options: InstancesOptions;

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /**
   * @returns true if the instance was created; false if an equal instance exists already
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

  /** Deletes the instance and its bindings. @returns whether there was such an instance */
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
    // The request names no space, so a read does not adopt the instance.
    const { serviceId, planId } = offering;
    const isOurs = query.get('service_id') === serviceId && query.get('plan_id') === planId;
    if (stored || !adopt || !isOurs || account.spaces) throw unknownInstance();
    return { service_id: serviceId, plan_id: planId, parameters: {} };
  }

  /** @returns undefined if there is no such instance, or none that the account sees */
  async find(account: Account, id: string): Promise<ServiceInstance | undefined> {
    const stored = await this.#options.store.instance(id);
    return stored && seesSpace(account, stored.spaceId) ? stored : undefined;
  }

  /**
   * Whether `adopt` is set and no instance is stored under the id. The space of the instance is
   * unknown, so an account with spaces never adopts: the instance may be another space's.
   */
  async isAdoptable({ spaces }: Account, id: string): Promise<boolean> {
    const { store, adopt } = this.#options;
    return adopt && spaces === undefined && (await store.instance(id)) === undefined;
  }

  /**
   * Stores an adoptable instance.
   *
   * @returns undefined if another call has stored the id in a space that the account does not see
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
    isSameGuid(a.organizationId, b.organizationId) &&
    isSameGuid(a.spaceId, b.spaceId) &&
    a.parameters === b.parameters
  );
}

export function unknownInstance(): Refusal {
  return new Refusal('not-found', 'there is no such service instance');
}

function conflict(cause?: unknown): Refusal {
  const description = 'a service instance with this id exists already, with another content';
  return new Refusal('conflict', description, { cause });
}
