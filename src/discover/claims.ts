/**
 * Decides who owns an address that several process instances claim.
 *
 * Cloud Foundry gives a container's address to another container later. Only a certificate proves
 * which instance answers; without one, an address belongs to the process instance that a source
 * named last. All claims of one listing are equally old, so only another layer can decide there.
 */
import { normalizeGuid } from '../../broker/guid.ts';
import type { Endpoint } from './instance.ts';

/** Whether the server at the endpoint must prove by certificate that it is the named instance. */
export function isProven({ tls, serverCertDomainSan }: Endpoint): boolean {
  return tls && serverCertDomainSan !== '';
}

/** An id of the process instance, the same in all sources and routes; '' for what is no app. */
export function ownerOf({ tags, privateInstanceId }: Endpoint): string {
  const appId = normalizeGuid(tags['app_id'] ?? '');
  if (appId === '') return '';
  const instanceId = tags['process_instance_id'] || privateInstanceId || tags['instance_id'] || '';
  return `${appId} ${normalizeGuid(instanceId)}`;
}

/** The claims of process instances (owners) on one address. */
export class Claims {
  /** By owner: the number of claims in each layer, indexed by the layer's number. */
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

  /** The only owner that claims the address; undefined when several owners do. */
  get soleOwner(): string | undefined {
    const [owner, ...others] = this.#counts.keys();
    return others.length === 0 ? owner : undefined;
  }

  /**
   * The owners that the newest layer names. If the layer names several, older layers choose among
   * them.
   *
   * @param wordOf - when a layer last confirmed the address: a larger number is newer
   * @returns one owner, or several when no layer decides between them
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

  /** The owners that each layer names, the newest layer first. */
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
