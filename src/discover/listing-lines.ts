/**
 * A checked listing as lines of JSON in a few large buffers, which the worker hands to the main
 * thread.
 *
 * Buffers change threads without a copy, and the main thread reads them in small steps; a
 * structured clone of 20,000 endpoints would block the main thread for longer than a request may
 * wait. A route is a head line, `[route, digest, number of lists]`, followed by its endpoints in
 * short lists, one list a line. A line never spans two buffers.
 */
import { hash } from 'node:crypto';
import type { Endpoint } from './instance.ts';
import { mapText } from './mapped-memory.ts';
import type { RouteEndpoints } from './route-listing.ts';

const ENDPOINTS_PER_LINE = 32;
const BLOCK_CHARACTERS = 256 * 1024;
const LF = 10;

/** A route whose endpoints are decoded only when a reader asks for them. */
export interface ListingRoute {
  readonly route: string;
  /** Equal digests mean equal endpoints; undefined when nobody computed the digest. */
  readonly digest: string | undefined;
  /** Decodes a few endpoints in each step. */
  lists(): Iterable<readonly Endpoint[]>;
}

/** Writes routes as lines. The buffers own their memory, so that they can be transferred. */
export function* writeLines(routes: Iterable<RouteEndpoints>): Generator<Uint8Array<ArrayBuffer>> {
  let lines: string[] = [];
  let characters = 0;
  for (const { route, endpoints } of routes) {
    const lists = [];
    for (let from = 0; from < endpoints.length; from += ENDPOINTS_PER_LINE) {
      lists.push(JSON.stringify(endpoints.slice(from, from + ENDPOINTS_PER_LINE)));
    }
    const digest = hash('sha256', lists.join('\n'), 'base64url');
    for (const line of [JSON.stringify([route, digest, lists.length]), ...lists]) {
      lines.push(line, '\n');
      characters += line.length + 1;
      if (characters < BLOCK_CHARACTERS) continue;
      yield mapText(lines.join(''));
      lines = [];
      characters = 0;
    }
  }
  if (lines.length > 0) yield mapText(lines.join(''));
}

/** Reads the lines of `writeLines`, and does not check them. */
export function* readLines(blocks: Iterable<Uint8Array<ArrayBuffer>>): Generator<ListingRoute> {
  const lines = splitLines(blocks);
  for (const head of lines) {
    const [route, digest, count] = JSON.parse(head()) as [string, string, number];
    const lists = Array.from({ length: count }, () => lines.next().value);
    yield {
      route,
      digest,
      *lists() {
        for (const list of lists) yield JSON.parse(list?.() ?? '[]') as Endpoint[];
      },
    };
  }
}

/** Splits blocks into lines; each returned function decodes its line. */
export function* splitLines(
  blocks: Iterable<Uint8Array<ArrayBuffer>>,
): Generator<() => string, undefined> {
  for (const block of blocks) {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    for (let start = 0; start < bytes.length; ) {
      const [from, end] = [start, bytes.indexOf(LF, start)];
      yield () => bytes.toString('utf8', from, end);
      start = end + 1;
    }
  }
}
