/**
 * The `create table` statements that the migration steps run.
 *
 * Every table has a primary key, since Galera requires one. Indexes are unique constraints, which
 * all databases accept in `create table if not exists`.
 */
import type { CreateTableBuilder, Kysely } from 'kysely';
import type { TableForm } from './engine.ts';
import type { Tables } from './tables.ts';

const HASH = 'varchar(64)';

type Making = CreateTableBuilder<string, never>;

/** @returns the statements of step 1, in an order that their references allow */
export function tableDefinitions(db: Kysely<Tables>, form: TableForm) {
  const { text } = form;
  const table = (name: keyof Tables): Making => making(db, form, name);
  const texts = (making: Making, names: readonly string[]): Making =>
    names.reduce((made, name) => made.addColumn(name, text, (column) => column.notNull()), making);
  return [
    table('promgate_migrations').addColumn('number', 'integer', (column) => column.primaryKey()),
    table('promgate_revision')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('number', 'bigint', (column) => column.notNull())
      .addColumn('pruned', 'bigint', (column) => column.notNull()),
    texts(
      table('promgate_keys').addColumn('name', HASH, (column) => column.primaryKey()),
      ['id', 'key_text'],
    ),
    texts(
      table('promgate_instances').addColumn('id_hash', HASH, (column) => column.primaryKey()),
      ['id', 'service_id', 'plan_id', 'organization_id', 'space_id', 'parameters'],
    ),
    bindings(table, texts).addColumn('app_id', text).addColumn('sealed_headers', text),
    texts(
      table('promgate_tombstones')
        .addColumn('revision', 'bigint', (column) => column.notNull())
        .addColumn('binding_hash', HASH, (column) => column.notNull())
        .addPrimaryKeyConstraint('promgate_tombstones_key', ['revision', 'binding_hash']),
      ['binding_id'],
    ),
  ];
}

/** @returns the statement of step 3 */
export function changesDefinition(db: Kysely<Tables>, form: TableForm): Making {
  return making(db, form, 'promgate_changes')
    .addColumn('revision', 'bigint', (column) => column.primaryKey())
    .addColumn('mark', HASH, (column) => column.notNull());
}

function making(db: Kysely<Tables>, { end }: TableForm, name: keyof Tables): Making {
  const made = db.schema.createTable(name).ifNotExists() as Making;
  return end ? made.modifyEnd(end) : made;
}

function bindings(
  table: (name: keyof Tables) => Making,
  texts: (making: Making, names: readonly string[]) => Making,
): Making {
  const making = table('promgate_bindings')
    .addColumn('id_hash', HASH, (column) => column.primaryKey())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('instance_hash', HASH, (column) => column.notNull())
    .addColumn('token_hash', HASH, (column) => column.notNull())
    .addUniqueConstraint('promgate_bindings_revision', ['revision'])
    .addUniqueConstraint('promgate_bindings_instance', ['instance_hash', 'revision'])
    .addForeignKeyConstraint(
      'promgate_bindings_of_instance',
      ['instance_hash'],
      'promgate_instances',
      ['id_hash'],
    );
  const names = ['id', 'instance_id', 'service_id', 'plan_id', 'space_id', 'parameters'];
  return texts(making, [...names, 'sealed_token']);
}
