/** Whatever the order of events: no reader gets the page of another, and bounds hold. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endpointHeaders } from '../../src/fetch/endpoint-headers.ts';
import type { EndpointAnswer, EndpointRequest } from '../../src/fetch/endpoint-page.ts';
import { readEndpointUrl } from '../../src/fetch/endpoint-url.ts';
import { Refresher } from '../../src/refresh/refresher.ts';
import { WarmCache } from '../../src/refresh/warm-cache.ts';
import {
  type AskedEndpoint,
  EndpointCache,
  type EndpointResult,
} from '../../src/serve/endpoint-cache.ts';
import { FakeTimers, settle } from '../refresh/fake-timers.ts';

const READERS = ['', 'one', 'two', 'on', 'e'];
const PATHS = ['/a', '/a?b=c', '/a?bc'];
const FORMATS = ['text/plain', '*/*'];
const MAX_JOBS = 6;
const MAX_BYTES = 4_096;

type Step =
  | {
      readonly kind: 'ask';
      readonly reader: number;
      readonly path: number;
      readonly format: number;
    }
  | { readonly kind: 'answer'; readonly which: number; readonly fault: boolean }
  | { readonly kind: 'revoke'; readonly reader: number }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      reader: fc.nat(READERS.length - 1),
      path: fc.nat(PATHS.length - 1),
      format: fc.nat(FORMATS.length - 1),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      which: fc.nat(20),
      fault: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant('revoke' as const), reader: fc.nat(READERS.length - 1) }),
  fc.record({ kind: fc.constant('leave' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 1_000, 8_000) }),
);

/** Who asks for what, as the endpoint sees it. */
function seenBy({ endpoint, headers }: Pick<EndpointRequest, 'endpoint' | 'headers'>): string {
  const headerOf = (name: string): string => {
    const at = headers.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
    return at < 0 ? '' : headers[at + 1]!;
  };
  return `${headerOf('authorization')} ${endpoint.path} ${headerOf('accept')}`;
}

interface OpenFetch {
  readonly request: EndpointRequest;
  readonly end: (answer: EndpointAnswer) => void;
}

/** An endpoint that answers when it is told to. */
class Endpoint {
  readonly revoked = new Set<string>();
  readonly #open: OpenFetch[] = [];

  readonly fetch = (request: EndpointRequest): Promise<EndpointAnswer> =>
    new Promise((resolve) => {
      const one = { request, end: resolve };
      this.#open.push(one);
      const late = (): void => this.#end(one, fault('upstream_timeout', undefined));
      request.signal.addEventListener('abort', late);
      request.hurry?.addEventListener('abort', late);
    });

  answer(which: number, isFault: boolean): void {
    const one = this.#open[which % Math.max(1, this.#open.length)];
    if (!one) return;
    const seen = seenBy(one.request);
    if (this.revoked.has(seen.split(' ')[0]!)) this.#end(one, fault('upstream_status', 401));
    else if (isFault) this.#end(one, fault('upstream_status', 500));
    else {
      const page = { body: Buffer.from(`# ${seen}\n`), contentType: 'text/plain', headers: {} };
      this.#end(one, { page, durationSeconds: 0, bytes: page.body.length });
    }
  }

  #end(one: OpenFetch, answer: EndpointAnswer): void {
    const at = this.#open.indexOf(one);
    if (at >= 0) this.#open.splice(at, 1);
    one.end(answer);
  }
}

function fault(
  failure: 'upstream_status' | 'upstream_timeout',
  status: number | undefined,
): EndpointAnswer {
  return { failed: { failure, why: 'it was told to', status }, durationSeconds: 0, bytes: 0 };
}

function askedOf(reader: string, path: string, accept: string): AskedEndpoint {
  const sent = reader === '' ? [] : ['Authorization', reader];
  const options = {
    accept,
    passAuth: true,
    authorizationOf: 'endpoint',
    passHeaders: [],
    id: 'p',
  } as const;
  return {
    endpoint: readEndpointUrl(`http://good.example${path}`, ''),
    ...{ name: path, accept, reader, timeoutMs: 5_000 },
    headers: endpointHeaders(sent, options),
  };
}

describe('EndpointCache', () => {
  it('gives each reader pages of its own credentials alone, within its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.boolean(),
        async (steps, withCredentials) => {
          const timers = new FakeTimers();
          const endpoint = new Endpoint();
          const errors: unknown[] = [];
          const onError = (error: unknown): void => void errors.push(error);
          const cache = new WarmCache<EndpointResult>({
            ...{ maxBytes: MAX_BYTES, timers, onError },
            negative: { notFoundMs: 3_000, failedMs: 1_000 },
          });
          await using refresher = new Refresher({
            ...{ timers, onError, minIntervalMs: 1_000, fixedPauseMs: 2_000, idleMs: 20_000 },
            ...{ maxJobs: MAX_JOBS, concurrency: 2 },
          });
          const pages = new EndpointCache({
            ...{ cache, refresher, timers, pages: endpoint, withCredentials },
            obeyCacheControl: true,
            life: { ttlMs: 5_000, staleWhileRevalidateMs: 5_000, staleIfErrorMs: 20_000 },
          });
          const readers: AbortController[] = [];
          const wrong: string[] = [];
          const ask = async (reader: string, path: string, accept: string): Promise<void> => {
            const leave = new AbortController();
            readers.push(leave);
            const wasRevoked = endpoint.revoked.has(reader) && cache.size === 0;
            const waiter = { deadlineMs: timers.nowMs() + 5_000, signal: leave.signal };
            const { kept } = await pages.get(askedOf(reader, path, accept), waiter);
            const { page } = kept.value;
            if (!page) return;
            const body = page.identity.bytes.toString();
            if (body !== `# ${reader} ${path} ${accept}\n`)
              wrong.push(`${reader} ${path} got ${body}`);
            if (wasRevoked) wrong.push(`${reader} got a page after its revocation`);
          };
          for (const one of steps) {
            if (one.kind === 'ask') {
              // Refused or late readers are as good as any: only wrong pages count.
              ask(READERS[one.reader]!, PATHS[one.path]!, FORMATS[one.format]!).catch(
                () => undefined,
              );
            } else if (one.kind === 'answer') endpoint.answer(one.which, one.fault);
            else if (one.kind === 'revoke') endpoint.revoked.add(READERS[one.reader]!);
            else if (one.kind === 'leave')
              readers[one.which % Math.max(1, readers.length)]?.abort();
            else await timers.pass(one.ms);
            await settle();
            assert.ok(refresher.jobs <= MAX_JOBS);
            assert.ok(cache.bytes <= MAX_BYTES);
          }
          assert.deepEqual(wrong, []);
          assert.deepEqual(errors, []);
          for (const reader of readers) reader.abort();
          for (let left = 0; left < 20; left++) {
            endpoint.answer(0, true);
            await settle();
          }
          await timers.pass(60_000);
          for (let left = 0; left < 20; left++) endpoint.answer(0, true);
          await timers.pass(60_000);
          assert.equal(refresher.jobs, 0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
