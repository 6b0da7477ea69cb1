/**
 * The slots of the table by app: by its guid, and by its names.
 */
import type { AppIdentity, Instance } from './instance.ts';
import type { Slot } from './place.ts';

export class SlotIndex {
  readonly #apps = new Map<string, Set<Slot>>();
  readonly #names = new Map<string, Set<Slot>>();

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
    for (const slots of this.#apps.values()) yield instancesOf(slots);
  }

  add(slot: Slot, { app }: Instance): void {
    if (app.appId !== '') addTo(this.#apps, app.appId, slot);
    if (app.appName !== '') addTo(this.#names, nameKeyOf(app), slot);
  }

  remove(slot: Slot, { app }: Instance): void {
    removeFrom(this.#names, nameKeyOf(app), slot);
    removeFrom(this.#apps, app.appId, slot);
  }
}

/** The instances that slots show. */
export function instancesOf(slots: Iterable<Slot> | undefined): Instance[] {
  const found: Instance[] = [];
  for (const { instance } of slots ?? []) if (instance) found.push(instance);
  return found;
}

/** No two triples of names have the same key, whatever characters they hold. */
function nameKey(organization: string, space: string, app: string): string {
  return `${organization.length}:${space.length}:${organization}${space}${app}`;
}

function nameKeyOf(app: AppIdentity): string {
  return nameKey(app.organizationName, app.spaceName, app.appName);
}

function addTo(index: Map<string, Set<Slot>>, key: string, slot: Slot): void {
  const slots = index.get(key);
  if (slots) slots.add(slot);
  else index.set(key, new Set([slot]));
}

function removeFrom(index: Map<string, Set<Slot>>, key: string, slot: Slot): void {
  const slots = index.get(key);
  if (slots?.delete(slot) && slots.size === 0) index.delete(key);
}
