/**
 * The ledger: everything that clients have pushed, by tenant.
 *
 * A push is checked as a whole, then booked in one step without a pause, so that it changes all or
 * nothing and a page never shows half of it. It is answered when the journal has kept it.
 */
import { everyTurn, type Pace } from '../../clock.ts';
import { hasLabels, type Label, printLabels } from '../labels.ts';
import type { LedgerFamily, LedgerGroup, PageSource } from '../page-source.ts';
import type { Accepted, Push, PushLedger, Tenancy } from '../push.ts';
import type { Journal } from '../record.ts';
import { PushRefusal } from '../refusal.ts';
import { book } from './book.ts';
import { catchUp } from './catch-up.ts';
import { check, checkAdded } from './check.ts';
import { Commits } from './commits.ts';
import { Expiry } from './expiry.ts';
import { Versions } from './family.ts';
import { forEach } from './for-each.ts';
import { noteTimes, otherGroup } from './group-times.ts';
import { makeRoomForKey } from './key-room.ts';
import type { LedgerOptions } from './ledger-options.ts';
import { Postings } from './postings.ts';
import { isReplay } from './push-ids.ts';
import { restore } from './restore.ts';
import { Tenant, type TenantGround, type Totals } from './tenant.ts';

const NOTHING = { series: 0, characters: 0, keys: 0, sourceValues: 0 };
const TURN_MS = 3;

export class Ledger implements PushLedger, PageSource {
  readonly #options: LedgerOptions;
  readonly #tenants = new Map<string, Tenant>();
  readonly #ground: TenantGround;
  readonly #commits: Commits;
  readonly #expiry: Expiry;
  readonly #postings: Postings;

  /** All that was committed before then is in memory. */
  #followedMs = 0;

  private constructor(options: LedgerOptions) {
    const { journal, bounds } = options;
    this.#options = options;
    this.#postings = new Postings(options.rulesOf);
    const notes = journal.durability !== 'memory';
    this.#ground = { versions: new Versions(), notes, total: { ...NOTHING } };
    this.#commits = new Commits({
      ...options,
      tenantOf: (name) => this.#tenants.get(name),
      tenantNames: () => this.#tenants.keys(),
      reload: (name) => this.#reload(name),
    });
    this.#expiry = new Expiry(bounds);
  }

  /** Loads what the journal has kept. @throws {JournalError} */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options);
    for (const stored of await options.journal.load()) await ledger.#restore(stored);
    return ledger;
  }

  get durability(): Journal['durability'] {
    return this.#options.journal.durability;
  }

  get tenantCount(): number {
    return this.#tenants.size;
  }

  get seriesCount(): number {
    return this.#ground.total.series;
  }

  /** What all tenants have together. */
  get totals(): Readonly<Totals> {
    return { ...this.#ground.total };
  }

  async push(push: Push): Promise<Accepted> {
    const preparing = this.#postings.prepare(() => this.#tenant(push), push);
    if (preparing) await preparing;
    while (this.#commits.isLost(push.tenant)) await this.#commits.ready(push.tenant);
    const accepted = { isReplay: false };
    const run = (): void => {
      accepted.isReplay = this.#book(push); // another promgate may have booked it before
    };
    run();
    await this.#commits.kept(push.tenant, run);
    return accepted;
  }

  /** @returns whether the push was booked before */
  #book(push: Push): boolean {
    const { now, bounds } = this.#options;
    const tenant = this.#tenant(push);
    if (isReplay(tenant.ids, push)) return true;
    try {
      const posting = this.#postings.of(tenant, push);
      const { limits } = this.#postings.rulesOf(tenant);
      if (posting.epoch !== tenant.epoch) {
        check(tenant, posting, { limits, ...bounds, total: this.#ground.total });
      }
      checkAdded(tenant, posting, push.page.values);
      const nowMs = now();
      if (push.id) this.#makeRoomForKey();
      book(tenant, posting, push.page.values, nowMs);
      if (push.id) tenant.ids.add(push.id.key, push.id.hash, { nowMs, max: bounds.keys });
      return false;
    } finally {
      this.#dropIfEmpty(tenant);
    }
  }

  get #isFull(): boolean {
    return this.seriesCount + 2 > this.#options.bounds.totalSeries;
  }

  #makeRoomForKey(): void {
    const { total } = this.#ground;
    const { totalSeries } = this.#options.bounds;
    const tenants = this.#tenants.values().filter(({ name }) => !this.#commits.isLost(name));
    const loser = makeRoomForKey({ tenants, keys: total.keys, totalSeries });
    if (loser) this.#commits.kept(loser.name, () => undefined).catch(() => undefined); // it stays noted
  }

  async deleteGroup(tenancy: Tenancy, path: readonly Label[]): Promise<void> {
    await this.#change(tenancy, (tenant) => {
      const group = tenant.groups.get(printLabels(path));
      for (const metric of [...(group?.metrics ?? [])]) tenant.removeMetric(metric);
    });
  }

  async deleteMetrics(tenancy: Tenancy, family: string, labels: readonly Label[]): Promise<void> {
    await this.#change(tenancy, (tenant) => {
      const metrics = [...(tenant.families.get(family)?.metrics.values() ?? [])];
      for (const metric of metrics) {
        if (metric.group === undefined && hasLabels(metric.labels, labels))
          tenant.removeMetric(metric);
      }
    });
  }

  async wipe(tenancy?: Tenancy): Promise<void> {
    const all = [...this.#tenants.values()];
    const chosen = tenancy ? [tenancy] : all.map(({ name, forced }) => ({ tenant: name, forced }));
    const pace = this.#pace();
    await forEach(chosen, async (one) => {
      await pace();
      await this.#change(one, (tenant) => tenant.clear());
    });
  }

  async noteFailure(tenancy: Tenancy, path: readonly Label[]): Promise<void> {
    await this.#change(tenancy, (tenant) => {
      const { limits } = this.#postings.rulesOf(tenant);
      const isNew = !tenant.groups.has(printLabels(path));
      if (isNew && (tenant.groups.size >= limits.groups || this.#isFull)) return;
      if (otherGroup(tenant, path)) return;
      noteTimes(tenant, tenant.group(path), { failedMs: this.#options.now() });
    });
  }

  /** Makes a change, and waits until it is kept. */
  async #change(tenancy: Tenancy, make: (tenant: Tenant) => void): Promise<void> {
    const { tenant: name } = tenancy;
    while (this.#commits.isLost(name)) await this.#commits.ready(name);
    const run = (): void => {
      const tenant = this.#tenant(tenancy);
      make(tenant);
      this.#dropIfEmpty(tenant);
    };
    run();
    await this.#commits.kept(name, run);
    const tenant = this.#tenants.get(name);
    if (tenant) this.#dropIfEmpty(tenant);
  }

  /** @throws {PushRefusal} `tenant_limit` */
  #tenant(tenancy: Tenancy): Tenant {
    const known = this.#tenants.get(tenancy.tenant);
    if (known) return known;
    const { tenants: limit } = this.#options.bounds;
    if (this.#tenants.size >= limit) {
      const details = { limit, current: this.#tenants.size, would_add: 1 };
      throw new PushRefusal('tenant_limit', 'promgate holds as many tenants as it may', {
        details,
      });
    }
    const tenant = new Tenant(tenancy, this.#ground);
    this.#tenants.set(tenant.name, tenant);
    return tenant;
  }

  /** A tenant whose removals are not kept yet, or that is being loaded anew, stays until then. */
  #dropIfEmpty(tenant: Tenant): void {
    const { name, isEmpty, records } = tenant;
    if (!isEmpty || !records.isKept || this.#commits.isLost(name)) return;
    tenant.leave();
    this.#tenants.delete(tenant.name);
  }

  async #restore(stored: Parameters<typeof restore>[0]): Promise<void> {
    const { tenant, unreadable } = await restore(stored, this.#ground, this.#pace());
    const { name } = tenant;
    if (unreadable > 0) this.#options.onUnreadable?.(name, unreadable);
    if (tenant.isEmpty) this.#tenants.delete(name);
    else this.#tenants.set(name, tenant);
  }

  #pace(): Pace {
    return this.#options.pace ?? everyTurn(TURN_MS);
  }

  /** Makes a tenant what the journal has of it. @throws {JournalError} */
  async #reload(name: string): Promise<void> {
    const known = this.#tenants.get(name);
    const update = await this.#options.journal.reload(name, known?.records.unsure() ?? []);
    if (known && update && !update.isWhole) {
      const unreadable = catchUp(known, update);
      if (unreadable > 0) this.#options.onUnreadable?.(name, unreadable);
      return;
    }
    known?.leave(); // pages show it until the new one is complete
    if (update) await this.#restore({ ...update, records: update.created });
    else this.#tenants.delete(name);
  }

  /**
   * Takes over what other promgates have committed, and takes back what could not be kept.
   *
   * @throws {JournalError} the first failure; the other tenants are followed nevertheless
   */
  async follow(): Promise<void> {
    const beganMs = this.#options.now();
    const changed = await this.#options.journal.changedElsewhere();
    await forEach(new Set([...changed, ...this.#commits.lost]), (name) =>
      this.#commits.refresh(name),
    );
    this.#followedMs = beganMs;
  }

  /** Removes what has lived its time. @throws {PushRefusal} `not_stored`, after all tenants */
  async expire(signal: AbortSignal): Promise<void> {
    const pace = this.#pace();
    const nowMs = this.#options.now();
    await forEach([...this.#tenants.values()], async (tenant) => {
      const { name, records } = tenant;
      const isCurrent = (): boolean =>
        !signal.aborted && this.#tenants.get(name) === tenant && !this.#commits.isLost(name);
      await pace();
      if (!isCurrent()) return;
      await this.#expiry.sweep(tenant, { nowMs, isCurrent });
      if (isCurrent() && records.hasChanges) await this.#commits.kept(name, () => undefined);
      const left = this.#tenants.get(name);
      if (left) this.#dropIfEmpty(left);
    });
  }

  /** The most sets of buckets that clients push for one histogram. */
  get mostLayouts(): number {
    let most = 0;
    for (const { families } of this.#tenants.values()) {
      for (const { layouts } of families.values()) most = Math.max(most, layouts.size);
    }
    return most;
  }

  *families(tenant?: string): Generator<LedgerFamily> {
    for (const one of this.#chosen(tenant)) yield* one.families.values();
  }

  *groups(name?: string): Generator<LedgerGroup> {
    for (const tenant of this.#chosen(name)) yield* tenant.listGroups();
  }

  #chosen(name: string | undefined): Iterable<Tenant> {
    if (name === undefined) return this.#tenants.values();
    const tenant = this.#tenants.get(name);
    return tenant ? [tenant] : [];
  }

  seen(tenant?: string, beganMs = this.#options.now()): void {
    // What others have committed since is not on this promgate's pages.
    const isShared = this.durability === 'shared';
    this.#expiry.seen(tenant, isShared ? Math.min(beganMs, this.#followedMs) : beganMs);
  }

  /** Resolves when everything that was pushed is kept. */
  idle(): Promise<void> {
    return this.#commits.idle();
  }
}
