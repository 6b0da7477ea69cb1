/**
 * The entries of the route table by route and address, and which hosts have routes.
 */
import type { RouteEntry } from './place.ts';
import { splitRoute } from './route.ts';

export class RouteMap {
  readonly #routes = new Map<string, Map<string, RouteEntry>>();
  /** The number of routes of each host. */
  readonly #hosts = new Map<string, number>();

  get size(): number {
    return this.#routes.size;
  }

  /** Entries by address. */
  get(route: string): ReadonlyMap<string, RouteEntry> | undefined {
    return this.#routes.get(route);
  }

  all(): Iterable<readonly [route: string, entries: ReadonlyMap<string, RouteEntry>]> {
    return this.#routes;
  }

  hasRoute(route: string): boolean {
    return this.#routes.has(route);
  }

  hasHost(host: string): boolean {
    return this.#hosts.has(host);
  }

  add(entry: RouteEntry): void {
    const { route, address } = entry;
    const entries = this.#routes.get(route);
    if (entries) {
      entries.set(address, entry);
    } else {
      this.#routes.set(route, new Map([[address, entry]]));
      this.#count(route, 1);
    }
  }

  remove({ route, address }: RouteEntry): void {
    const entries = this.#routes.get(route);
    if (!entries?.delete(address) || entries.size > 0) return;
    this.#routes.delete(route);
    this.#count(route, -1);
  }

  #count(route: string, change: 1 | -1): void {
    const { host } = splitRoute(route);
    const sum = (this.#hosts.get(host) ?? 0) + change;
    if (sum === 0) this.#hosts.delete(host);
    else this.#hosts.set(host, sum);
  }
}
