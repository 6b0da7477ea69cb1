/**
 * The broker's port to the database, which keeps service instances and bindings over a restart.
 *
 * The broker decides what is written. A store keeps it and numbers every change of a binding, so
 * that replicas can ask for the changes since a number. `src/store` implements stores; one contract
 * suite tests all of them.
 */

/** A service instance, as `PUT /v2/service_instances/:id` created it. */
export interface ServiceInstance {
  /** The platform's id: any characters. */
  readonly id: string;
  readonly serviceId: string;
  readonly planId: string;
  readonly organizationId: string;
  readonly spaceId: string;
  /** Canonical JSON. */
  readonly parameters: string;
}

/** A binding before it is stored. */
export interface NewBinding {
  /** The platform's id: any characters, unique in the whole store. */
  readonly id: string;
  readonly instanceId: string;
  readonly serviceId: string;
  readonly planId: string;
  /** Undefined for a service key, which names no app. */
  readonly appId: string | undefined;
  /** '' if the platform named no space. */
  readonly spaceId: string;
  /** Canonical JSON of the parameters, without `headers`. */
  readonly parameters: string;
  /** Canonical JSON of the headers, encrypted; undefined if there are no headers. */
  readonly sealedHeaders: string | undefined;
  /** SHA-256 of the token, in hexadecimal. */
  readonly tokenHash: string;
  /** The token, encrypted. */
  readonly sealedToken: string;
}

export interface Binding extends NewBinding {
  /** The number of the change that created the binding; it orders bindings by creation. */
  readonly revision: number;
}

/** The last change of a store that a reader knows. */
export interface Seen {
  /** The number of that change. */
  readonly revision: number;
  /**
   * A random text stored with that change. After a restored backup the store assigns the same
   * numbers a second time; the marks tell the changes apart.
   */
  readonly mark: string;
}

/** Changes of a store; pass its `revision` and `mark` to the next `changesSince`. */
export interface Changes extends Seen {
  /** True if `bindings` lists every binding: the reader forgets all others. */
  readonly whole: boolean;
  /** The store lacks the reader's last change: most likely a backup was restored. */
  readonly isRestored?: boolean;
  /** In the order of creation. */
  readonly bindings: readonly Binding[];
  /** Ids of deleted bindings; a binding created again since is also in `bindings`. */
  readonly removed: readonly string[];
}

/** An encryption key that the store keeps if the operator has configured no key. */
export interface StoredKey {
  readonly id: string;
  /** Base64. */
  readonly key: string;
}

/**
 * All methods reject with a `StoreAwayError` while the database cannot be reached; the change of a
 * rejected call may or may not have been made.
 */
export interface BindingStore extends AsyncDisposable {
  instance(id: string): Promise<ServiceInstance | undefined>;
  /** @returns the instance now stored under the id: the given one if `created` */
  putInstance(
    instance: ServiceInstance,
  ): Promise<{ readonly created: boolean; readonly instance: ServiceInstance }>;
  /** @returns whether there is such an instance */
  updateInstance(id: string, parameters: string): Promise<boolean>;
  /** Deletes the instance and all its bindings. @returns whether there was such an instance */
  deleteInstance(id: string): Promise<boolean>;

  binding(id: string): Promise<Binding | undefined>;
  /**
   * @returns the binding now stored under the id, the given one if `created`; undefined if there is
   *   no such instance
   */
  putBinding(
    binding: NewBinding,
  ): Promise<{ readonly created: boolean; readonly binding: Binding } | undefined>;
  /** @returns whether there was such a binding of this instance */
  deleteBinding(instanceId: string, id: string): Promise<boolean>;

  /** @param seen - undefined: the answer lists every binding */
  changesSince(seen?: Seen): Promise<Changes>;
  /** Calls `listener` soon after another replica's change; exists if the database can notify. */
  onChange?(listener: () => void): void;

  /** The key of this store; if there is none, `fresh`, if given, becomes it. */
  ownKey(fresh?: StoredKey): Promise<StoredKey | undefined>;
}

/** The database cannot be reached, or does not answer. */
export class StoreAwayError extends Error {
  override readonly name = 'StoreAwayError';
}
