/**
 * The tables of the disk's journal, and the statements that it runs: a log of commits as the main
 * thread packed them, and what the log comes to: tenants, the keys of records, and their numbers as
 * pages.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export const TABLES = `
  create table log (
    number integer primary key autoincrement,
    numbers integer not null,
    pack blob not null
  ) strict;
  create table tenant (
    number integer primary key,
    name blob not null unique,
    forced blob not null,
    next_id integer not null
  ) strict;
  create table record (
    tenant integer not null,
    id integer not null,
    key blob not null,
    primary key (tenant, id)
  ) strict, without rowid;
  create table page (
    number integer primary key,
    records blob not null
  ) strict;
`;

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: DatabaseSync) {
  const statement = (text: string): StatementSync => database.prepare(text);
  return {
    begin: statement('begin immediate'),
    commit: statement('commit'),
    appendLog: statement('insert into log (numbers, pack) values (?, ?)'),
    log: statement('select number, numbers, pack from log order by number'),
    deleteLog: statement('delete from log where number <= ?'),
    putTenant: statement(`
      insert into tenant (name, forced, next_id) values (?, ?, ?)
      on conflict (name) do update set forced = excluded.forced, next_id = excluded.next_id
      returning number`),
    tenantByName: statement('select * from tenant where name = ?'),
    tenants: statement('select * from tenant order by number'),
    putRecord: statement('insert or replace into record (tenant, id, key) values (?, ?, ?)'),
    deleteRecord: statement('delete from record where tenant = ? and id = ?'),
    recordsBetween: statement(`
      select id, key from record where tenant = ? and id between ? and ? order by id`),
    pagesBetween: statement('select number from page where number between ? and ?'),
    page: statement('select records from page where number = ?'),
    putPage: statement('insert or replace into page (number, records) values (?, ?)'),
    deletePage: statement('delete from page where number = ?'),
  };
}
