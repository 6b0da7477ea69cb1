/**
 * The tables of a store, and the conversion of instances and bindings to rows and back.
 *
 * Table names begin with `promgate_`, since the database may belong to Promfetcher. Texts from
 * outside are stored in the form of `storedText`.
 */
import type { Selectable } from 'kysely';
import type { Binding, NewBinding, ServiceInstance } from '../../broker/binding-store.ts';
import { idHash, originalText, storedText } from './stored-text.ts';

export interface Tables {
  promgate_instances: InstanceRow;
  promgate_bindings: BindingRow;
  promgate_tombstones: TombstoneRow;
  promgate_revision: RevisionRow;
  promgate_changes: ChangeRow;
  promgate_keys: KeyRow;
  promgate_migrations: MigrationRow;
  /** Promfetcher's table, which most databases lack. */
  app_endpoints: EndpointRow;
}

interface InstanceRow {
  id_hash: string;
  id: string;
  service_id: string;
  plan_id: string;
  organization_id: string;
  space_id: string;
  parameters: string;
}

interface BindingRow {
  id_hash: string;
  revision: number;
  id: string;
  instance_hash: string;
  instance_id: string;
  service_id: string;
  plan_id: string;
  app_id: string | null;
  space_id: string;
  parameters: string;
  sealed_headers: string | null;
  token_hash: string;
  sealed_token: string;
}

/** A removed binding. Several bindings of one instance may share a revision. */
interface TombstoneRow {
  revision: number;
  binding_hash: string;
  binding_id: string;
}

/** The table's only row. Every change updates it first, so that changes wait for each other. */
interface RevisionRow {
  id: number;
  /** The revision of the last change. */
  number: number;
  /** Tombstones up to this revision may have been removed. */
  pruned: number;
}

/** A change, under its last revision. */
interface ChangeRow {
  revision: number;
  /** Random text in base64url. */
  mark: string;
}

interface KeyRow {
  name: string;
  id: string;
  key_text: string;
}

interface MigrationRow {
  number: number;
}

interface EndpointRow {
  guid: string;
  app_guid: string | null;
  endpoint: string | null;
}

export function instanceRow(instance: ServiceInstance): InstanceRow {
  return {
    id_hash: idHash(instance.id),
    id: storedText(instance.id),
    service_id: storedText(instance.serviceId),
    plan_id: storedText(instance.planId),
    organization_id: storedText(instance.organizationId),
    space_id: storedText(instance.spaceId),
    parameters: storedText(instance.parameters),
  };
}

export function instanceOf(row: Selectable<InstanceRow>): ServiceInstance {
  return {
    id: originalText(row.id),
    serviceId: originalText(row.service_id),
    planId: originalText(row.plan_id),
    organizationId: originalText(row.organization_id),
    spaceId: originalText(row.space_id),
    parameters: originalText(row.parameters),
  };
}

export function bindingRow(binding: NewBinding, revision: number): BindingRow {
  return {
    id_hash: idHash(binding.id),
    revision,
    id: storedText(binding.id),
    instance_hash: idHash(binding.instanceId),
    instance_id: storedText(binding.instanceId),
    service_id: storedText(binding.serviceId),
    plan_id: storedText(binding.planId),
    app_id: binding.appId === undefined ? null : storedText(binding.appId),
    space_id: storedText(binding.spaceId),
    parameters: storedText(binding.parameters),
    sealed_headers: binding.sealedHeaders === undefined ? null : storedText(binding.sealedHeaders),
    token_hash: binding.tokenHash,
    sealed_token: storedText(binding.sealedToken),
  };
}

export function bindingOf(row: Selectable<BindingRow>): Binding {
  return {
    id: originalText(row.id),
    instanceId: originalText(row.instance_id),
    serviceId: originalText(row.service_id),
    planId: originalText(row.plan_id),
    appId: row.app_id === null ? undefined : originalText(row.app_id),
    spaceId: originalText(row.space_id),
    parameters: originalText(row.parameters),
    sealedHeaders: row.sealed_headers === null ? undefined : originalText(row.sealed_headers),
    tokenHash: row.token_hash,
    sealedToken: originalText(row.sealed_token),
    revision: Number(row.revision), // the driver of PostgreSQL gives a bigint as text
  };
}
