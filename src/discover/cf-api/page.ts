/**
 * One page of a list of the CF API: its head, and the records of its resources and of what it
 * includes.
 */
import { isObject, type Json } from '../../../broker/json.ts';
import type { Listing } from '../listing.ts';
import { SourceError } from '../source-error.ts';
import {
  type AppRecord,
  type BindingRecord,
  type DomainRecord,
  type OrganizationRecord,
  type ProcessRecord,
  type ReadRecord,
  type RouteRecord,
  readApp,
  readBinding,
  readDomain,
  readOrganization,
  readProcess,
  readRoute,
  readService,
  readSpace,
  type ServiceRecord,
  type SpaceRecord,
} from './records.ts';

/** The records of each kind. */
export interface Records {
  readonly apps: AppRecord;
  readonly processes: ProcessRecord;
  readonly routes: RouteRecord;
  readonly services: ServiceRecord;
  readonly 'service-bindings': BindingRecord;
  readonly spaces: SpaceRecord;
  readonly organizations: OrganizationRecord;
  readonly domains: DomainRecord;
}

export type RecordKind = keyof Records;
type IncludedKind = 'spaces' | 'organizations' | 'domains';
/** What a list lists; the other kinds are included in its pages. */
export type ListKind = Exclude<RecordKind, IncludedKind>;

export interface PageHead {
  /** How many resources all pages have together, as this page says. */
  readonly totalResults: number;
  /** How many resources the page has, refused ones included. */
  readonly count: number;
  readonly hasNext: boolean;
  /** Resources that are not of the expected form. */
  readonly refused: number;
}

/** A few records of one kind. */
export type Chunk = {
  readonly [K in RecordKind]: { readonly kind: K; readonly records: readonly Records[K][] };
}[RecordKind];

export interface Page {
  readonly head: PageHead;
  /** Reads a few records in each step. */
  readonly chunks: Iterable<Chunk>;
}

const READERS: Readonly<Record<RecordKind, ReadRecord>> = {
  apps: readApp,
  processes: readProcess,
  routes: readRoute,
  services: readService,
  'service-bindings': readBinding,
  spaces: readSpace,
  organizations: readOrganization,
  domains: readDomain,
};

const INCLUDED: readonly IncludedKind[] = ['spaces', 'organizations', 'domains'];
/** Most user-provided services are no registrations, which is no fault. */
const MAY_BE_OTHER: ReadonlySet<RecordKind> = new Set(['services']);
const RECORDS_IN_CHUNK = 32;

/**
 * Parses a page at once, and checks its resources when the chunks are iterated the first time.
 *
 * @throws {SourceError} 'json' or 'shape' when the bytes are no page
 */
export function readPage(blocks: Listing['blocks'], kind: ListKind): Page {
  const json = parse(blocks);
  const { pagination, resources, included } = isObject(json) ? json : {};
  const total = isObject(pagination) ? pagination['total_results'] : undefined;
  if (!isObject(pagination) || !Array.isArray(resources) || !isTotal(total)) {
    throw new SourceError('shape', `a page of ${kind} is no list of the CF API`);
  }
  const lists: [RecordKind, readonly unknown[]][] = [[kind, resources as readonly unknown[]]];
  for (const one of INCLUDED) {
    const list = isObject(included) ? included[one] : undefined;
    if (Array.isArray(list)) lists.push([one, list as readonly unknown[]]);
  }
  const chunks: Chunk[] = [];
  let refused = 0;
  for (const [of, list] of lists) {
    for (let from = 0; from < list.length; from += RECORDS_IN_CHUNK) {
      const part = list.slice(from, from + RECORDS_IN_CHUNK);
      const records = part.flatMap((one) =>
        isObject(one) ? (READERS[of](one as Json) ?? []) : [],
      );
      if (!MAY_BE_OTHER.has(of)) refused += part.length - records.length;
      // The reader of a kind makes the records of this kind.
      chunks.push({ kind: of, records } as unknown as Chunk);
    }
  }
  const hasNext = isObject(pagination['next']);
  return { head: { totalResults: total, count: resources.length, hasNext, refused }, chunks };
}

function isTotal(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parse(blocks: Listing['blocks']): unknown {
  const decoder = new TextDecoder();
  let text = '';
  for (const block of blocks) text += decoder.decode(block, { stream: true });
  text += decoder.decode();
  try {
    return JSON.parse(text);
  } catch {
    // The error of JSON.parse cites the text.
    throw new SourceError('json', `a page of the CF API (${text.length} characters) is not JSON`);
  }
}
