/** What is on offer: one service with one plan, under ids and names that the operator may set. */
import { Refusal } from './refusal.ts';

export interface Offering {
  readonly serviceId: string;
  readonly planId: string;
  /** Lower-case letters, digits and `-`: the closed schemas of version 2.13 allow no more. */
  readonly serviceName: string;
  readonly planName: string;
}

/** Promfetcher's, so that service instances made with it live on. */
export const DEFAULT_OFFERING: Offering = {
  serviceId: '75bcebab-cc25-4ef6-89dc-a91b953919f1',
  planId: 'e2900be3-709b-419e-b63b-de3aabcd9e15',
  serviceName: 'promfetcher',
  planName: 'fetch-app',
};

/** @throws {Refusal} `unacceptable` */
export function requireService({ serviceId }: Offering, id: string): void {
  if (id === serviceId) return;
  throw new Refusal('unacceptable', 'service_id is not in the catalog');
}

/** @throws {Refusal} `unacceptable` */
export function requirePlan({ planId }: Offering, id: string): void {
  if (id === planId) return;
  throw new Refusal('unacceptable', 'plan_id is not in the catalog, or not of this service');
}
