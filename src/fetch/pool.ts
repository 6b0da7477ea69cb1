/**
 * A bounded number of slots, which the pool gives to fetches fairly.
 *
 * Free slots go round-robin over spaces, within a space round-robin over its apps, within an app
 * first come first served. Two more bounds keep one tenant from taking all slots: an app has at
 * most `perApp`, and a space at most `SHARE` times the free slots (alone 8/9 of all, two spaces
 * 8/17 each, …), so that newcomers find free slots.
 * An address that hung twice in a row gets one slot at a time (`suspects.ts`).
 *
 * The pool knows no deadlines: a fetch releases its slot, or leaves the queue, at its deadline or
 * when its reader leaves.
 */
import { type Linked, LinkedList } from './linked-list.ts';
import { ParkedFetches } from './parked-fetches.ts';
import { type Asked, type Outcome, Suspects } from './suspects.ts';

export interface SlotPoolOptions {
  /** `scrape.concurrency`: slots over the whole program. */
  readonly concurrency: number;
  /** `scrape.per_app` */
  readonly perApp: number;
}

/** A fetch that wants a slot. */
export interface SlotClaim {
  readonly space: string;
  readonly app: string;
  readonly address: string;
  /** The path of the page if the address has several pages, else ''. */
  readonly page: string;
  /** Called once when the fetch has its slot, perhaps within `request`. Must not throw. */
  slotGranted(): void;
}

/** Made by `SlotPool.slot`; opaque to its callers. */
export class Slot implements Linked<Slot> {
  list: LinkedList<Slot> | undefined;
  before: Slot | undefined;
  after: Slot | undefined;
  state: 'waiting' | 'parked' | 'running' | 'done' = 'waiting';
  app: App | undefined;
  /** The address or page to ask, set when the slot is granted or parked. */
  asked: Asked<Parked> | undefined;
  readonly claim: SlotClaim;

  constructor(claim: SlotClaim) {
    this.claim = claim;
  }
}

class App implements Linked<App> {
  list: LinkedList<App> | undefined;
  before: App | undefined;
  after: App | undefined;
  readonly waiting = new LinkedList<Slot>();
  running = 0;
  /** How many slots wait, are parked or run; 0 if the app can be forgotten. */
  members = 0;
  readonly name: string;
  readonly space: Space;

  constructor(name: string, space: Space) {
    this.name = name;
    this.space = space;
  }
}

class Space implements Linked<Space> {
  list: LinkedList<Space> | undefined;
  before: Space | undefined;
  after: Space | undefined;
  readonly apps = new Map<string, App>();
  /** Apps with a waiting fetch and fewer than `perApp` running ones. */
  readonly ready = new LinkedList<App>();
  running = 0;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

type Parked = ParkedFetches<App, Slot>;

/** A space may have this many times the free slots, and always one slot. */
const SHARE = 8;

export class SlotPool {
  readonly #concurrency: number;
  readonly #perApp: number;
  readonly #spaces = new Map<string, Space>();
  /** Spaces with a ready app. */
  readonly #ready = new LinkedList<Space>();
  readonly #suspects = new Suspects<Parked>(() => new ParkedFetches());
  #running = 0;
  #waiting = 0;
  #granting = false;

  constructor({ concurrency, perApp }: SlotPoolOptions) {
    this.#concurrency = concurrency;
    this.#perApp = perApp;
  }

  /** How many slots are taken. */
  get running(): number {
    return this.#running;
  }

  /** How many fetches wait for a slot. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many addresses and spaces are remembered; for tests that nothing is left behind. */
  get remembered(): { readonly addresses: number; readonly spaces: number } {
    return { addresses: this.#suspects.size, spaces: this.#spaces.size };
  }

  /** Makes a slot; `request` asks for it. */
  slot(claim: SlotClaim): Slot {
    return new Slot(claim);
  }

  /** Queues for the slot; the pool calls `claim.slotGranted()` on the slot's turn. */
  request(slot: Slot): void {
    const app = this.#app(slot.claim);
    slot.app = app;
    app.members++;
    this.#waiting++;
    app.waiting.push(slot);
    this.#list(app);
    this.#grant();
  }

  /** Gives the slot back, or leaves the queue. Does nothing before `request` or a second time. */
  release(slot: Slot, outcome: Outcome): void {
    const { app, state } = slot;
    if (!app || state === 'done') return;
    if (state === 'parked')
      slot.asked!.parked.remove(app, slot); // set when the slot was parked
    else slot.list?.remove(slot);
    slot.state = 'done';
    if (state === 'running') {
      app.running--;
      app.space.running--;
      this.#running--;
      this.#leave(slot.asked!, outcome); // set when the slot was given
    } else {
      this.#waiting--;
      if (slot.asked) this.#leaveQueue(slot.asked);
    }
    app.members--;
    this.#list(app);
    if (app.members === 0) this.#forgetApp(app);
    this.#grant();
  }

  /** Forgets the strikes of an address that left the table: its next instance starts afresh. */
  forget(address: string): void {
    for (const asked of this.#suspects.at(address)) {
      asked.strikes = 0;
      this.#unpark(asked);
      this.#suspects.tidy(asked);
    }
    this.#grant();
  }

  /** Grants free slots. A claim may call `request` or `release` from within `slotGranted`. */
  #grant(): void {
    if (this.#granting) return;
    this.#granting = true;
    try {
      for (let slot = this.#next(); slot; slot = this.#next()) {
        slot.state = 'running';
        const app = slot.app!; // set by `request`, through which alone a slot gets into a queue
        app.running++;
        app.space.running++;
        this.#running++;
        this.#waiting--;
        this.#list(app);
        slot.claim.slotGranted();
      }
    } finally {
      this.#granting = false;
    }
  }

  #next(): Slot | undefined {
    const free = this.#concurrency - this.#running;
    if (free <= 0) return undefined;
    for (let turns = this.#ready.size; turns > 0; turns--) {
      const space = this.#ready.rotate();
      if (!space) return undefined;
      if (space.running > 0 && space.running >= free * SHARE) continue;
      const slot = this.#nextOf(space);
      if (slot) return slot;
    }
    return undefined;
  }

  #nextOf(space: Space): Slot | undefined {
    for (let app = space.ready.rotate(); app; app = space.ready.rotate()) {
      const slot = app.waiting.shift()!; // a ready app has a waiting fetch
      this.#list(app);
      const asked = this.#suspects.of(slot.claim.address, slot.claim.page);
      slot.asked = asked;
      if (this.#suspects.admits(asked)) {
        asked.running++;
        return slot;
      }
      slot.state = 'parked';
      asked.parked.add(app, slot);
    }
    return undefined;
  }

  /** Adds `app` and its space to the ready lists, or removes them, as their state demands. */
  #list(app: App): void {
    const { space } = app;
    const ready = app.waiting.size > 0 && app.running < this.#perApp;
    if (ready && !app.list) space.ready.push(app);
    else if (!ready && app.list) space.ready.remove(app);
    if (space.ready.size > 0 && !space.list) this.#ready.push(space);
    else if (space.ready.size === 0 && space.list) this.#ready.remove(space);
  }

  #app(claim: SlotClaim): App {
    let space = this.#spaces.get(claim.space);
    if (!space) {
      space = new Space(claim.space);
      this.#spaces.set(claim.space, space);
    }
    let app = space.apps.get(claim.app);
    if (!app) {
      app = new App(claim.app, space);
      space.apps.set(claim.app, app);
    }
    return app;
  }

  #forgetApp(app: App): void {
    app.space.apps.delete(app.name);
    if (app.space.apps.size === 0) this.#spaces.delete(app.space.name);
  }

  #leave(asked: Asked<Parked>, outcome: Outcome): void {
    this.#suspects.left(asked, outcome);
    this.#unpark(asked);
    this.#suspects.tidy(asked);
  }

  /** A parked fetch gives up; if it was to be the next probe, another fetch takes over. */
  #leaveQueue(asked: Asked<Parked>): void {
    this.#unpark(asked);
    this.#suspects.tidy(asked);
  }

  /**
   * Puts parked fetches first in their apps' queues: all, or one of each app if the address hangs.
   * One of all apps together would not do: its app may have no free slot while another one has.
   */
  #unpark(asked: Asked<Parked>): void {
    if (!this.#suspects.admits(asked)) return;
    const { parked } = asked;
    const back = this.#suspects.hangs(asked) ? parked.takeOnePerApp() : parked.takeAll();
    for (const slot of back.reverse()) {
      const app = slot.app!; // set by `request`, through which alone a slot gets into a queue
      slot.state = 'waiting';
      app.waiting.unshift(slot);
      this.#list(app);
    }
  }
}
