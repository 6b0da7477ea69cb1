/**
 * The entries of the table by app guid, and by the names of organization, space and app.
 *
 * Endpoints of older emitters carry no names. The index then takes the names that the CF API gave.
 */
import type { AppIdentity } from './app-identity.ts';
import type { Instance } from './instance.ts';
import type { Shown } from './place.ts';

export class EntryIndex {
  readonly #apps = new Map<string, Set<Shown>>();
  readonly #names = new Map<string, Set<Shown>>();
  /** What the CF API calls the apps, by guid. */
  #directory: ReadonlyMap<string, AppIdentity> = new Map();

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

  /** Adds an instance, and completes it in its entry if its endpoint carries no names. */
  add(entry: Shown, instance: Instance): void {
    const { app } = this.#named(entry, instance);
    if (app.appId !== '') addTo(this.#apps, app.appId, entry);
    if (app.appName !== '') addTo(this.#names, nameKeyOf(app), entry);
  }

  /**
   * Takes over the names of all apps that are known by now.
   *
   * @returns whether an instance has other names than before
   */
  learnNames(apps: readonly AppIdentity[]): boolean {
    const before = this.#directory;
    this.#directory = new Map(apps.map((app) => [app.appId, app]));
    let changed = false;
    for (const app of apps) {
      if (before.get(app.appId) === app) continue;
      for (const entry of [...(this.#apps.get(app.appId) ?? [])]) {
        const { instance } = entry;
        if (!instance || instance.endpoint.tags['app_name']) continue;
        removeFrom(this.#names, nameKeyOf(instance.app), entry);
        addTo(this.#names, nameKeyOf(this.#named(entry, instance).app), entry);
        changed = true;
      }
    }
    return changed;
  }

  #named(entry: Shown, instance: Instance): Instance {
    const { app, endpoint } = instance;
    const known = endpoint.tags['app_name'] ? undefined : this.#directory.get(app.appId);
    if (!known || known === app) return instance;
    const named = { ...instance, app: known };
    entry.instance = named;
    return named;
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
