/**
 * The entries of the table by app guid, and by the names of organization, space and app.
 */
import type { AppIdentity } from './app-identity.ts';
import type { Instance } from './instance.ts';
import type { Shown } from './place.ts';

export class EntryIndex {
  readonly #apps = new Map<string, Set<Shown>>();
  readonly #names = new Map<string, Set<Shown>>();

  /** How many apps with a guid there are. */
  get apps(): number {
    return this.#apps.size;
  }

  has(appId: string): boolean {
    return this.#apps.has(appId);
  }

  byApp(appId: string): Instance[] {
    return instancesOf(this.#apps.get(appId));
  }

  byName(organization: string, space: string, app: string): Instance[] {
    return instancesOf(this.#names.get(nameKey(organization, space, app)));
  }

  /** The instances of each app. */
  *each(): Generator<Instance[]> {
    for (const entries of this.#apps.values()) yield instancesOf(entries);
  }

  add(entry: Shown, { app }: Instance): void {
    if (app.appId !== '') addTo(this.#apps, app.appId, entry);
    if (app.appName !== '') addTo(this.#names, nameKeyOf(app), entry);
  }

  remove(entry: Shown, { app }: Instance): void {
    removeFrom(this.#names, nameKeyOf(app), entry);
    removeFrom(this.#apps, app.appId, entry);
  }
}

/** The instances that entries show; an entry may show none. */
export function instancesOf(entries: Iterable<Shown> | undefined): Instance[] {
  const found: Instance[] = [];
  for (const { instance } of entries ?? []) if (instance) found.push(instance);
  return found;
}

/** No two triples of names have the same key, whatever characters they hold. */
function nameKey(organization: string, space: string, app: string): string {
  return `${organization.length}:${space.length}:${organization}${space}${app}`;
}

function nameKeyOf(app: AppIdentity): string {
  return nameKey(app.organizationName, app.spaceName, app.appName);
}

function addTo(index: Map<string, Set<Shown>>, key: string, entry: Shown): void {
  const entries = index.get(key);
  if (entries) entries.add(entry);
  else index.set(key, new Set([entry]));
}

function removeFrom(index: Map<string, Set<Shown>>, key: string, entry: Shown): void {
  const entries = index.get(key);
  if (entries?.delete(entry) && entries.size === 0) index.delete(key);
}
