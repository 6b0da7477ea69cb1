/**
 * Where service instances and bindings outlive a restart: what the broker needs of a database.
 *
 * The broker decides what is written; a store keeps it, and numbers every change of a binding, so
 * that replicas can ask what has changed since. Implemented in `src/store`; one contract suite holds
 * for all implementations.
 */

/** A service instance, as `PUT /v2/service_instances/:id` made it. */
export interface ServiceInstance {
  /** As the platform gave it: any characters. */
  readonly id: string;
  readonly serviceId: string;
  readonly planId: string;
  readonly organizationId: string;
  readonly spaceId: string;
  /** Canonical JSON. */
  readonly parameters: string;
}

/** What the broker knows of a binding before it is stored. */
export interface NewBinding {
  /** As the platform gave it: any characters. One binding in the whole store has it. */
  readonly id: string;
  readonly instanceId: string;
  readonly serviceId: string;
  readonly planId: string;
  /** Undefined for a service key, which names no app. */
  readonly appId: string | undefined;
  /** '' where the platform named none. */
  readonly spaceId: string;
  /** Canonical JSON of the parameters, without `headers`. */
  readonly parameters: string;
  /** Canonical JSON of the headers, encrypted; undefined when there are none. */
  readonly sealedHeaders: string | undefined;
  /** SHA-256 of the token, in hexadecimal. */
  readonly tokenHash: string;
  /** The token, encrypted. */
  readonly sealedToken: string;
}

export interface Binding extends NewBinding {
  /** The number of the change that created it: bindings are in the order of their creation by it. */
  readonly revision: number;
}

/** Up to which change a reader knows a store. */
export interface Seen {
  /** The number of the last change. */
  readonly revision: number;
  /**
   * A random text that was stored with the last change. Where a backup was restored, changes are made
   * under the same numbers a second time: their marks tell the two apart.
   */
  readonly mark: string;
}

/** What has changed in a store. As `Seen` it says what to ask for next time. */
export interface Changes extends Seen {
  /** `bindings` are all that there are: whatever else is known has gone. */
  readonly whole: boolean;
  /** The store does not hold what the reader had seen: most likely a backup was restored. */
  readonly isRestored?: boolean;
  /** In the order of their creation. */
  readonly bindings: readonly Binding[];
  /** Ids of bindings that have gone; one created again since is in `bindings`. */
  readonly removed: readonly string[];
}

/** A key that the store keeps, since the operator configured none. */
export interface StoredKey {
  readonly id: string;
  /** Base64. */
  readonly key: string;
}

/**
 * All methods reject with a `StoreAwayError` while the database cannot be reached; a change that was
 * not acknowledged may or may not have been made then.
 */
export interface BindingStore extends AsyncDisposable {
  instance(id: string): Promise<ServiceInstance | undefined>;
  /** @returns what is stored under the id from now on: the given one when it was new */
  putInstance(
    instance: ServiceInstance,
  ): Promise<{ readonly created: boolean; readonly instance: ServiceInstance }>;
  /** @returns whether there is such an instance */
  updateInstance(id: string, parameters: string): Promise<boolean>;
  /** Deletes it with all its bindings. @returns whether there was such an instance */
  deleteInstance(id: string): Promise<boolean>;

  binding(id: string): Promise<Binding | undefined>;
  /**
   * @returns what is stored under the id from now on, the given one when it was new; undefined when
   *   there is no such instance
   */
  putBinding(
    binding: NewBinding,
  ): Promise<{ readonly created: boolean; readonly binding: Binding } | undefined>;
  /** @returns whether there was such a binding of this instance */
  deleteBinding(instanceId: string, id: string): Promise<boolean>;

  /** @param seen - left out, all that there is is told */
  changesSince(seen?: Seen): Promise<Changes>;
  /** Tells of changes by other replicas sooner than they are asked for, where the database can. */
  onChange?(listener: () => void): void;

  /** The key of this store; `fresh`, if given, becomes it when there is none. */
  ownKey(fresh?: StoredKey): Promise<StoredKey | undefined>;
}

/** The database cannot be reached, or does not answer. */
export class StoreAwayError extends Error {
  override readonly name = 'StoreAwayError';
}
