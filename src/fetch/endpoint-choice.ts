/**
 * Which endpoint of an instance is asked first: the endpoint that last gave the page.
 *
 * A container may listen on several ports, of which one has the metrics. A scrape asks one endpoint
 * of an instance, and tries the others only if it fails. The choice is kept for each path, since
 * different ports may serve different pages.
 */
import type { Instance } from '../discover/instance.ts';

/** Bound on paths kept per instance: bindings may name as many; readers may ask for any path. */
const MAX_PATHS = 32;

export class EndpointChoice {
  /** Address of the instance's first endpoint -> path -> address to ask first. */
  readonly #chosen = new Map<string, Map<string, string>>();

  /** How many instances are remembered, for tests of the bound. */
  get size(): number {
    return this.#chosen.size;
  }

  /** The endpoints of an instance in the order in which they should be asked for `path`. */
  inOrder(instance: Instance, path: string): readonly Instance[] {
    const { others = [] } = instance;
    if (others.length === 0) return [instance];
    const endpoints = [instance, ...others];
    const address = this.#chosen.get(instance.endpoint.address)?.get(path);
    const at = endpoints.findIndex(({ endpoint }) => endpoint.address === address);
    if (at <= 0) return endpoints;
    return [endpoints[at]!, ...endpoints.slice(0, at), ...endpoints.slice(at + 1)];
  }

  /** Makes `endpoint` the first: it gave the page, or is the next to try if none did. */
  prefer(instance: Instance, path: string, endpoint: Instance): void {
    const { address } = instance.endpoint;
    const paths = this.#chosen.get(address) ?? new Map<string, string>();
    this.#chosen.set(address, paths);
    paths.delete(path);
    paths.set(path, endpoint.endpoint.address);
    if (paths.size > MAX_PATHS) paths.delete(paths.keys().next().value!); // not empty
  }

  /** Forgets the choices of an instance whose address left the table. */
  forget(address: string): void {
    this.#chosen.delete(address);
  }
}
