/**
 * The ledger of pushes from the start of the program on: until the journal has been opened and read,
 * pushes and pages are refused, and promgate tries again.
 */

import type { Ledger } from '../push/book/ledger.ts';
import type { Label } from '../push/labels.ts';
import type { LedgerFamily, LedgerGroup, PageSource } from '../push/page-source.ts';
import type { Accepted, Push, PushLedger, Tenancy } from '../push/push.ts';
import { PushRefusal } from '../push/refusal.ts';

export class LateLedger implements PushLedger, PageSource {
  readonly durability: PushLedger['durability'];
  #open: Ledger | undefined;

  constructor(durability: PushLedger['durability']) {
    this.durability = durability;
  }

  /** Undefined until `opened`. */
  get current(): Ledger | undefined {
    return this.#open;
  }

  opened(ledger: Ledger): void {
    this.#open = ledger;
  }

  async push(push: Push): Promise<Accepted> {
    return this.#ledger.push(push);
  }

  async deleteGroup(tenancy: Tenancy, path: readonly Label[]): Promise<void> {
    await this.#ledger.deleteGroup(tenancy, path);
  }

  async deleteMetrics(tenancy: Tenancy, family: string, labels: readonly Label[]): Promise<void> {
    await this.#ledger.deleteMetrics(tenancy, family, labels);
  }

  async wipe(tenancy?: Tenancy): Promise<void> {
    await this.#ledger.wipe(tenancy);
  }

  async noteFailure(tenancy: Tenancy, path: readonly Label[]): Promise<void> {
    await this.#ledger.noteFailure(tenancy, path);
  }

  families(tenant?: string): Iterable<LedgerFamily> {
    return this.#ledger.families(tenant);
  }

  groups(tenant?: string): Iterable<LedgerGroup> {
    return this.#ledger.groups(tenant);
  }

  seen(...when: Parameters<PageSource['seen']>): void {
    this.#open?.seen(...when);
  }

  /** @throws {PushRefusal} `not_stored` */
  get #ledger(): Ledger {
    if (this.#open) return this.#open;
    throw new PushRefusal('not_stored', 'what was pushed before has not been read yet: try again');
  }
}
