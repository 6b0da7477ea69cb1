/** The broker's one service and its plans; the operator may set their ids and names. */
import { Refusal } from './refusal.ts';

export interface Offering {
  readonly serviceId: string;
  readonly planId: string;
  /** Lower-case letters, digits and `-`: the schemas of version 2.13 allow nothing else. */
  readonly serviceName: string;
  readonly planName: string;
  /** The plan whose bindings push metrics; undefined if there is no push gateway. */
  readonly pushPlan?: { readonly id: string; readonly name: string } | undefined;
}

/** Promfetcher's ids and names, so that its service instances stay valid. */
export const DEFAULT_OFFERING: Offering = {
  serviceId: '75bcebab-cc25-4ef6-89dc-a91b953919f1',
  planId: 'e2900be3-709b-419e-b63b-de3aabcd9e15',
  serviceName: 'promfetcher',
  planName: 'fetch-app',
};

export function isPushPlan({ pushPlan }: Offering, id: string | undefined): boolean {
  return pushPlan !== undefined && pushPlan.id === id;
}

/** @throws {Refusal} `unacceptable` */
export function requireService({ serviceId }: Offering, id: string): void {
  if (id === serviceId) return;
  throw new Refusal('unacceptable', 'service_id is not in the catalog');
}

/** @throws {Refusal} `unacceptable` */
export function requirePlan(offering: Offering, id: string): void {
  if (id === offering.planId || isPushPlan(offering, id)) return;
  throw new Refusal('unacceptable', 'plan_id is not a plan of this service in the catalog');
}
