/**
 * Keeps the postings of pushes, so that pushes whose bodies differ only in values share one.
 */
import { everyTurn, takeSteps } from '../../clock.ts';
import type { Push, Tenancy } from '../push.ts';
import type { PushedFamily } from '../pushed-page.ts';
import type { TenantRules } from '../rules.ts';
import { isFew, isSame, type Posting, post } from './posting.ts';
import type { Tenant } from './tenant.ts';

const TURN_MS = 3;

export class Postings {
  readonly #readRules: (tenancy: Tenancy) => TenantRules;
  readonly #rules = new WeakMap<Tenant, TenantRules>();
  readonly #postings = new WeakMap<readonly PushedFamily[], Posting>();

  constructor(rulesOf: (tenancy: Tenancy) => TenantRules) {
    this.#readRules = rulesOf;
  }

  rulesOf(tenant: Tenant): TenantRules {
    let rules = this.#rules.get(tenant);
    if (!rules) {
      rules = this.#readRules({ tenant: tenant.name, forced: tenant.forced });
      this.#rules.set(tenant, rules);
    }
    return rules;
  }

  /** @throws {PushRefusal} `duplicate_series` */
  of(tenant: Tenant, push: Push): Posting {
    const known = this.#known(push);
    if (known) return known;
    const steps = post(push, this.rulesOf(tenant));
    for (;;) {
      const step = steps.next();
      if (step.done === true) return this.#keep(step.value);
    }
  }

  /**
   * Makes the posting of a large push in turns with other work.
   *
   * @returns undefined if `of` takes no time
   * @throws {PushRefusal} `duplicate_series`
   */
  prepare(tenant: () => Tenant, push: Push): Promise<void> | undefined {
    if (this.#known(push) || isFew(push.page.families)) return undefined;
    return this.#make(post(push, this.rulesOf(tenant())));
  }

  async #make(steps: Generator<void, Posting, void>): Promise<void> {
    this.#keep(await takeSteps(steps, everyTurn(TURN_MS)));
  }

  #known(push: Push): Posting | undefined {
    const known = this.#postings.get(push.page.families);
    return known && isSame(known.push, push) ? known : undefined;
  }

  #keep(posting: Posting): Posting {
    this.#postings.set(posting.push.page.families, posting);
    return posting;
  }
}
