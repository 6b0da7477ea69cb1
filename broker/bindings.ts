/**
 * The operations on bindings, without HTTP.
 *
 * For an account with spaces, bindings of other spaces do not exist.
 */
import { type Account, requireSpace, seesSpace } from './account.ts';
import type { Binding, BindingStore, NewBinding, ServiceInstance } from './binding-store.ts';
import { canonicalJson } from './canonical.ts';
import { bindingCredentials, type Credentials } from './credentials.ts';
import { isSameGuid } from './guid.ts';
import { type Instances, unknownInstance } from './instances.ts';
import type { Json } from './json.ts';
import { isPushPlan, type Offering } from './offering.ts';
import type { ParameterCheck } from './parameters.ts';
import { pushPlace, type StoredParameters } from './push-place.ts';
import { Refusal } from './refusal.ts';
import { readBind, readPredecessor, readRotation } from './request.ts';
import type { KeyRing } from './seal.ts';
import { openParameters, openToken, sealSecrets } from './secrets.ts';

export interface BindingsOptions {
  readonly store: BindingStore;
  readonly keys: KeyRing;
  readonly offering: Offering;
  readonly check: ParameterCheck;
  readonly instances: Instances;
  /** The guid of the space in which an app runs; undefined if unknown. */
  readonly spaceOfApp: (appId: string) => string | undefined;
  /** Called after each change in the store. */
  readonly onChange: () => Promise<unknown>;
}

/** The binding that a call is about, and the caller. */
export interface BindingCall {
  readonly account: Account;
  readonly instanceId: string;
  readonly id: string;
  /** The URL of promgate, without a trailing `/`. */
  readonly baseUrl: string;
}

/** A binding as requested: it has no id, token or seals yet. */
type RequestedBinding = Pick<
  NewBinding,
  'instanceId' | 'serviceId' | 'planId' | 'appId' | 'spaceId'
> & {
  readonly given: StoredParameters;
};

/** Instance id of bindings from Promfetcher's database, which stores neither instance nor space. */
export const NO_INSTANCE = '';

export class Bindings {
  readonly #options: BindingsOptions;

  constructor(options: BindingsOptions) {
    this.#options = options;
  }

  /**
   * @returns the same credentials for the same request; `created` is true only the first time
   * @throws {Refusal} `bad-request`, `unacceptable`, `not-found`, `conflict`
   * @throws {SealError} if no key opens the stored binding
   */
  async bind(
    call: BindingCall,
    body: Json,
  ): Promise<{ readonly created: boolean; readonly credentials: Credentials }> {
    const { store, keys, onChange } = this.#options;
    let wanted: RequestedBinding;
    try {
      wanted = await this.#readWanted(call, body);
    } catch (refusal) {
      const isOther = refusal instanceof Refusal && refusal.reason === 'unacceptable';
      if (isOther && (await this.find(call))) throw conflict(refusal);
      throw refusal;
    }
    const { given, ...ids } = wanted;
    const put = await store.putBinding({ ...ids, ...sealSecrets(call.id, given, keys) });
    if (!put) throw unknownInstance();
    if (put.created) void onChange();
    else if (!this.#isSame(put.binding, wanted)) throw conflict();
    return { created: put.created, credentials: this.#credentials(call, put.binding) };
  }

  /** @throws {Refusal} `not-found`, {SealError} */
  async fetch(call: BindingCall): Promise<{ credentials: Credentials; parameters: object }> {
    const binding = await this.find(call);
    if (!binding) throw new Refusal('not-found', 'there is no such binding');
    const { push: _, ...parameters }: StoredParameters = JSON.parse(binding.parameters); // without headers
    return { credentials: this.#credentials(call, binding), parameters };
  }

  /** @returns whether there was such a binding */
  async unbind(call: BindingCall): Promise<boolean> {
    const binding = await this.find(call);
    if (!binding) return false;
    const deleted = await this.#options.store.deleteBinding(binding.instanceId, call.id);
    if (deleted) await this.#options.onChange();
    return deleted;
  }

  /** @returns undefined if the instance has no such binding, or none that the account sees */
  async find({ account, instanceId, id }: Omit<BindingCall, 'baseUrl'>) {
    const binding = await this.#options.store.binding(id);
    if (!binding || !seesSpace(account, binding.spaceId)) return undefined;
    const owners = [instanceId, NO_INSTANCE];
    return owners.includes(binding.instanceId) ? binding : undefined;
  }

  #readWanted(call: BindingCall, body: Json): Promise<RequestedBinding> {
    const predecessorId = readPredecessor(body);
    return predecessorId === undefined
      ? this.#readNew(call, body)
      : this.#readSuccessor(call, predecessorId, body);
  }

  async #readNew({ account, instanceId, id }: BindingCall, body: Json): Promise<RequestedBinding> {
    const { store, offering, check, instances } = this.#options;
    const { parameters, appId, resourceSpaceId, context, names, ...plan } = readBind(
      body,
      offering,
    );
    const pushes = isPushPlan(offering, plan.planId);
    const given = pushes ? check.push(parameters) : check.binding(parameters);
    const found = await instances.find(account, instanceId);
    const ownSpaceId = found?.spaceId ?? (context.spaceId || (resourceSpaceId ?? ''));
    const spaceId = (appId && resourceSpaceId) || context.spaceId || ownSpaceId;
    const wanted = { instanceId, ...plan, appId, spaceId, given };
    if (found) {
      requireSamePlan(found, wanted);
      requireOneSpace(found.spaceId, spaceId);
      this.#requireApp(account, wanted);
      if (!pushes) return wanted;
      requirePlace(wanted);
      // An account with spaces is not the platform's, and may claim any organization and name.
      if (account.spaces) return { ...wanted, given: { push: {} } };
      const organizationId = context.organizationId || found.organizationId;
      return { ...wanted, given: { push: pushPlace({ organizationId, names }) } };
    }
    if (pushes || !(await instances.isAdoptable(account, instanceId))) throw unknownInstance();
    if (await store.binding(id)) throw conflict(); // before the instance is adopted
    this.#requireApp(account, wanted);
    const unknown: ServiceInstance = {
      ...{ id: instanceId, ...plan, parameters: '{}' },
      ...{ organizationId: context.organizationId, spaceId: ownSpaceId },
    };
    if (!(await instances.adopt(account, unknown))) throw unknownInstance();
    return wanted;
  }

  /** A binding like its predecessor with new credentials, so that an app can rotate these. */
  async #readSuccessor(
    call: BindingCall,
    predecessorId: string,
    body: Json,
  ): Promise<RequestedBinding> {
    const { offering, keys, instances, check } = this.#options;
    const { account, instanceId } = call;
    const { parameters, appId, planId: namedPlanId } = readRotation(body, offering);
    const found = await instances.find(account, instanceId);
    const pushes = isPushPlan(offering, namedPlanId ?? found?.planId);
    // The check bounds the depth.
    const named =
      parameters && canonicalJson(pushes ? check.push(parameters) : check.binding(parameters));
    if (!found) throw unknownInstance();
    // The platform may repeat the call after it deleted the predecessor: the successor is like it.
    const source =
      (await this.#ofInstance(call, predecessorId)) ?? (await this.#ofInstance(call, call.id));
    if (!source) {
      const description = 'predecessor_binding_id names no binding of this service instance';
      throw new Refusal('unacceptable', description);
    }
    const given = openParameters(source, keys);
    const isOther =
      (named !== undefined && named !== printGiven(given)) ||
      (namedPlanId !== undefined && namedPlanId !== source.planId) ||
      (appId !== undefined && !isSameGuid(appId, source.appId));
    if (isOther) {
      const description =
        'a successor must have the plan, the app and the parameters of its predecessor';
      throw new Refusal('unacceptable', description);
    }
    const { serviceId, planId, spaceId } = source;
    return { instanceId, serviceId, planId, appId: source.appId, spaceId, given };
  }

  async #ofInstance({ account, instanceId }: BindingCall, id: string) {
    const binding = await this.find({ account, instanceId, id });
    return binding?.instanceId === instanceId ? binding : undefined;
  }

  /** @throws {Refusal} `unacceptable` */
  #requireApp(account: Account, { appId, spaceId }: RequestedBinding): void {
    requireSpace(account, spaceId);
    const appSpaceId = appId && this.#options.spaceOfApp(appId);
    if (appSpaceId) requireSpace(account, appSpaceId);
  }

  #isSame(stored: Binding, wanted: RequestedBinding): boolean {
    return (
      stored.instanceId === wanted.instanceId &&
      stored.serviceId === wanted.serviceId &&
      stored.planId === wanted.planId &&
      isSameGuid(stored.appId, wanted.appId) &&
      isSameGuid(stored.spaceId, wanted.spaceId) &&
      printGiven(openParameters(stored, this.#options.keys)) === printGiven(wanted.given)
    );
  }

  #credentials({ baseUrl }: BindingCall, binding: Binding): Credentials {
    return bindingCredentials(binding, openToken(binding, this.#options.keys), baseUrl);
  }
}

/** The parameters as the developer gave them, without the place, which stays as it was at first. */
function printGiven({ push: _, ...given }: StoredParameters): string {
  return canonicalJson(given);
}

/** @throws {Refusal} `unacceptable` */
function requireSamePlan(instance: ServiceInstance, { planId }: RequestedBinding): void {
  if (instance.planId === planId) return;
  throw new Refusal('unacceptable', 'plan_id is not the plan of this service instance');
}

/**
 * Requires an app or a space: bindings without either would share one tenant.
 *
 * @throws {Refusal} `unacceptable`
 */
function requirePlace({ appId, spaceId }: RequestedBinding): void {
  if (appId !== undefined || spaceId !== '') return;
  const description =
    'a binding that pushes needs an app or a space, and the request names neither';
  throw new Refusal('unacceptable', description);
}

/**
 * The catalog says that instances are not shared: deleting an instance must not delete bindings of
 * another space.
 *
 * @throws {Refusal} `unacceptable`
 */
function requireOneSpace(instanceSpaceId: string, spaceId: string): void {
  if (instanceSpaceId === '' || isSameGuid(instanceSpaceId, spaceId)) return;
  const description =
    'this service instance is in another space, and cannot be shared with this one';
  throw new Refusal('unacceptable', description);
}

function conflict(cause?: unknown): Refusal {
  const description = 'a binding with this id exists already, with another content';
  return new Refusal('conflict', description, { cause });
}
