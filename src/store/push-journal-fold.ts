/**
 * Puts what the log of the disk's journal has into the tables, a slice at a time, so that no commit
 * waits for long. The log keeps the changes until all slices are done.
 */
import type { JournalError } from '../push/record.ts';
import { isPage, PAGE_RECORDS, Page } from './push-journal-page.ts';
import type { Pending, PendingPage } from './push-journal-pending.ts';
import type { Statements } from './push-journal-statements.ts';

/** A page's row is numbered `tenant * TENANT_PAGES + page`, below 2 ** 53. */
export const TENANT_PAGES = 2 ** 35;
const MAX_TENANTS = 2 ** 18;
/** Measured: a slice takes 1 ms. */
const SLICE_PAGES = 64;

/** Makes a `JournalError` of the failures of this kind. */
export type Failed = (failure: 'damaged' | 'full', reason: string) => JournalError;

interface PageChanges {
  readonly tenant: number;
  readonly at: number;
  readonly changes: PendingPage;
}

export class Fold {
  readonly pending: Pending;
  /** The last row of the log that `pending` has. */
  readonly #upTo: number;
  /** Undefined until the tenants have their numbers. */
  #pages: PageChanges[] | undefined;
  #done = 0;

  constructor(pending: Pending, upTo: number) {
    this.pending = pending;
    this.#upTo = upTo;
  }

  /** Runs in a transaction. @returns what to call when the transaction is committed */
  slice(statements: Statements, failed: Failed): () => boolean {
    const pages = this.#pages ?? this.#putTenants(statements, failed);
    const end = Math.min(this.#done + SLICE_PAGES, pages.length);
    for (const page of pages.slice(this.#done, end)) putPage(statements, page, failed);
    const isLast = end === pages.length;
    if (isLast) statements.deleteLog.run(this.#upTo);
    return () => {
      this.#pages = pages;
      this.#done = end;
      return isLast;
    };
  }

  #putTenants(statements: Statements, failed: Failed): PageChanges[] {
    const all: PageChanges[] = [];
    for (const { name, forced, nextId, pages } of this.pending.tenants) {
      const { number } = statements.putTenant.get(name, forced, nextId) as { number: number };
      for (const [at, changes] of pages) {
        if (number >= MAX_TENANTS || at >= TENANT_PAGES) {
          const limits = `${MAX_TENANTS} tenants or ${TENANT_PAGES * PAGE_RECORDS} records`;
          throw failed('full', `it has had ${limits}, and must begin anew: move it away`);
        }
        all.push({ tenant: number, at, changes });
      }
    }
    return all;
  }
}

/** @returns undefined if no record of the page has numbers */
export function pageOf(
  statements: Statements,
  { tenant, at }: Pick<PageChanges, 'tenant' | 'at'>,
  failed: Failed,
): Page | undefined {
  const row = statements.page.get(tenant * TENANT_PAGES + at);
  if (!row) return undefined;
  const bytes = row['records'] as Uint8Array<ArrayBuffer>; // a strict column of blobs
  if (!isPage(bytes)) throw failed('damaged', `page ${at} of tenant ${tenant} has a wrong length`);
  return new Page(bytes);
}

function putPage(statements: Statements, pageChanges: PageChanges, failed: Failed): void {
  const { tenant, at, changes } = pageChanges;
  const page = pageOf(statements, pageChanges, failed) ?? new Page();
  for (const { slot, key, values } of changes.records()) {
    const id = at * PAGE_RECORDS + slot;
    if (values) page.set(slot, values);
    else page.remove(slot);
    if (!values) statements.deleteRecord.run(tenant, id);
    else if (key) statements.putRecord.run(tenant, id, key);
  }
  const [row, bytes] = [tenant * TENANT_PAGES + at, page.bytes()];
  if (bytes) statements.putPage.run(row, bytes);
  else statements.deletePage.run(row);
}
