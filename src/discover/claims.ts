/**
 * Whose an address is, where several process instances claim it.
 *
 * Addresses of containers are used again. Only a certificate tells who answers at one; without it
 * an address belongs to one process instance: to the one that was named last. What one page says
 * was said at once, so that nothing in it tells who came last; another layer may.
 */
import { type Endpoint, normalizeGuid } from './instance.ts';

/** Whether whoever answers must prove by certificate to be the instance that is meant. */
export function isProven({ tls, serverCertDomainSan }: Endpoint): boolean {
  return tls && serverCertDomainSan !== '';
}

/** Equal for what two sources, or two routes, say of one process instance; '' for what is no app. */
export function ownerOf({ tags, privateInstanceId }: Endpoint): string {
  const appId = normalizeGuid(tags['app_id'] ?? '');
  if (appId === '') return '';
  const instanceId = tags['process_instance_id'] || privateInstanceId || tags['instance_id'] || '';
  return `${appId} ${normalizeGuid(instanceId)}`;
}

/** The claims on one address. */
export class Claims {
  /** How many claims of each owner each layer lists. */
  readonly #counts = new Map<string, number[]>();

  add(owner: string, layer: number): void {
    const counts = this.#counts.get(owner) ?? [];
    counts[layer] = (counts[layer] ?? 0) + 1;
    this.#counts.set(owner, counts);
  }

  remove(owner: string, layer: number): void {
    const counts = this.#counts.get(owner);
    if (!counts?.[layer]) return;
    counts[layer] -= 1;
    if (!counts.some((count) => count > 0)) this.#counts.delete(owner);
  }

  /** The only one who claims the address; undefined when there are several. */
  get soleOwner(): string | undefined {
    const [owner, ...others] = this.#counts.keys();
    return others.length === 0 ? owner : undefined;
  }

  /**
   * The owners that the newest layer names. Where these are several, older layers choose among them.
   *
   * @param wordOf - when a layer last spoke of the address: a larger number is newer
   * @returns one owner, or several when nothing tells them apart
   */
  believed(wordOf: (layer: number) => number): ReadonlySet<string> {
    let believed: Set<string> = new Set();
    for (const named of this.#byLayer(wordOf)) {
      const both = believed.size === 0 ? named : believed.intersection(named);
      if (both.size > 0) believed = both;
      if (believed.size === 1) break;
    }
    return believed;
  }

  /** The owners that each layer names, those of the newest layer first. */
  #byLayer(wordOf: (layer: number) => number): Set<string>[] {
    const layers = new Map<number, Set<string>>();
    for (const [owner, counts] of this.#counts) {
      counts.forEach((count, layer) => {
        if (count === 0) return;
        const owners = layers.get(layer);
        if (owners) owners.add(owner);
        else layers.set(layer, new Set([owner]));
      });
    }
    return [...layers].sort(([a], [b]) => wordOf(b) - wordOf(a)).map(([, owners]) => owners);
  }
}
