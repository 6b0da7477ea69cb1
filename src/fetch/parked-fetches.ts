/**
 * The fetches that wait for an address that hangs, by app.
 */
import { type Linked, LinkedList } from './linked-list.ts';

export class ParkedFetches<App, Fetch extends Linked<Fetch>> {
  readonly #byApp = new Map<App, LinkedList<Fetch>>();

  /** 0 if no fetch is parked. */
  get size(): number {
    return this.#byApp.size;
  }

  add(app: App, fetch: Fetch): void {
    let fetches = this.#byApp.get(app);
    if (!fetches) {
      fetches = new LinkedList();
      this.#byApp.set(app, fetches);
    }
    fetches.push(fetch);
  }

  remove(app: App, fetch: Fetch): void {
    const fetches = this.#byApp.get(app);
    fetches?.remove(fetch);
    if (fetches?.size === 0) this.#byApp.delete(app);
  }

  /** Takes the fetch of each app that was parked first. */
  takeOnePerApp(): Fetch[] {
    const taken: Fetch[] = [];
    for (const [app, fetches] of this.#byApp) {
      taken.push(fetches.shift()!); // an app without fetches is not kept
      if (fetches.size === 0) this.#byApp.delete(app);
    }
    return taken;
  }

  /** Takes all fetches, those of one app in the order in which they were parked. */
  takeAll(): Fetch[] {
    const taken: Fetch[] = [];
    for (const fetches of this.#byApp.values()) {
      for (let fetch = fetches.shift(); fetch; fetch = fetches.shift()) taken.push(fetch);
    }
    this.#byApp.clear();
    return taken;
  }
}
