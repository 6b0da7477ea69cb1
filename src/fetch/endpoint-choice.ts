/**
 * Which endpoint of an instance with several is asked first: the one that last gave the page.
 *
 * A container may listen on several ports, of which one has the metrics. An instance is asked once;
 * its other endpoints are tried only when that fails. Pages are told apart by their path, since each
 * may be another port's.
 */
import type { Instance } from '../discover/instance.ts';

/** As many pages as bindings may name for an app; readers may ask for any path. */
const MAX_PATHS = 32;

export class EndpointChoice {
  /** Address that stands for the instance -> path -> address to ask first. */
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

  /** `endpoint` gave the page, or is the next to try where no endpoint did. */
  prefer(instance: Instance, path: string, endpoint: Instance): void {
    const { address } = instance.endpoint;
    const paths = this.#chosen.get(address) ?? new Map<string, string>();
    this.#chosen.set(address, paths);
    paths.delete(path);
    paths.set(path, endpoint.endpoint.address);
    if (paths.size > MAX_PATHS) paths.delete(paths.keys().next().value!); // it is not empty
  }

  /** An address left the table. */
  forget(address: string): void {
    this.#chosen.delete(address);
  }
}
