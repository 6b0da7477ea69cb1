import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fields } from '../../src/refresh/fields.ts';
import { HttpCache } from '../../src/refresh/http-cache.ts';
import { HttpStore, type StoredResponse } from '../../src/refresh/http-store.ts';
import type { OpenOrigin, OriginReceiver, OriginRequest } from '../../src/refresh/origin.ts';
import type { AnswerTaker, CacheRequest, Handling } from '../../src/refresh/origin-flight.ts';
import type { BodyReader } from '../../src/refresh/shared-body.ts';

interface Asked extends OriginRequest {
  readonly receiver: OriginReceiver;
  aborted: boolean;
  answer(status: number, fields: readonly string[], body?: string): void;
}

interface Got {
  stored?: StoredResponse;
  failed?: string;
  status?: number;
  body?: BodyReader;
  handling?: Handling;
  readonly leave: () => void;
  /** The whole text so far. */
  text(): string;
}

/** A cache before an origin that answers when the test says so. */
function cacheOf({ maxBytes = 1e6 } = {}) {
  const asked: Asked[] = [];
  let nowMs = Date.UTC(2026, 0, 1);
  const open: OpenOrigin = (request, receiver) => {
    const one: Asked = {
      ...{ ...request, receiver, aborted: false },
      answer(status, fields, body) {
        receiver.started({ status, statusMessage: 'x', fields: new Fields(fields) });
        if (body === undefined) return;
        if (body !== '') receiver.received(Buffer.from(body));
        receiver.ended();
      },
    };
    asked.push(one);
    const abort = () => {
      one.aborted = true;
    };
    return { pause: () => undefined, resume: () => undefined, abort };
  };
  const store = new HttpStore({ maxBytes });
  const cache = new HttpCache({
    ...{ store, open, now: () => nowMs, origin: { host: 'origin', basePath: '/base' } },
  });
  const get = (
    target: string,
    over: Partial<CacheRequest> & { raw?: string[]; scope?: string } = {},
  ) => {
    const { raw = [], scope = '', ...rest } = over;
    const fields = new Fields(['Host', 'reader', ...raw]);
    const request = {
      method: 'GET',
      key: { target, scope },
      fields,
      forward: () => fields,
      ...rest,
    };
    let leave = (): void => undefined;
    let text = '';
    const got: Got = {
      leave: () => leave(),
      text: () => {
        if (got.stored) return got.stored.body.toString();
        for (let chunk = got.body?.next(); chunk; chunk = got.body?.next())
          text += chunk.toString();
        return text;
      },
    };
    const taker: AnswerTaker = {
      interim: () => undefined,
      stored: (stored, handling) => Object.assign(got, { stored, handling, status: stored.status }),
      streamed: (head, body, handling) =>
        Object.assign(got, { body, handling, status: head.status }),
      failed: (failure) => Object.assign(got, { failed: failure }),
    };
    leave = cache.answer(request, taker);
    return got;
  };
  const pass = (seconds: number) => {
    nowMs += seconds * 1000;
  };
  return { cache, store, asked, get, pass };
}

const FRESH = ['Cache-Control', 'max-age=60'];

describe('HttpCache', () => {
  it('asks the origin once, and answers the next request from the store', () => {
    const { asked, get } = cacheOf();
    const first = get('/a');
    asked[0]!.answer(200, FRESH, 'page');
    const second = get('/a');

    assert.deepEqual([first.text(), second.text()], ['page', 'page']);
    assert.deepEqual([first.handling?.mark, second.handling?.mark], ['miss', 'hit']);
    assert.equal(asked.length, 1);
  });

  it('lets equal requests share one request to the origin, also amid its body', () => {
    const { asked, get } = cacheOf();
    const readers = [get('/a'), get('/a')];
    const [call] = asked;
    call!.answer(200, FRESH);
    call!.receiver.received(Buffer.from('pa'));
    readers.push(get('/a'));
    call!.receiver.received(Buffer.from('ge'));
    call!.receiver.ended();

    assert.deepEqual(
      readers.map((one) => one.text()),
      ['page', 'page', 'page'],
    );
    assert.deepEqual(
      readers.map((one) => one.handling?.isCollapsed),
      [false, true, true],
    );
    assert.equal(asked.length, 1);
  });

  it('sends each its own way for a while once an answer could not be shared', () => {
    const { asked, get, pass } = cacheOf();
    const readers = [get('/a'), get('/a'), get('/a')];
    asked[0]!.answer(200, ['Cache-Control', 'no-store'], 'mine');
    assert.equal(asked.length, 3);
    asked[1]!.answer(200, ['Cache-Control', 'no-store'], 'two');
    asked[2]!.answer(200, ['Cache-Control', 'no-store'], 'three');
    assert.deepEqual(
      readers.map((one) => one.text()),
      ['mine', 'two', 'three'],
    );

    get('/a');
    get('/a');
    assert.equal(asked.length, 5);
    pass(11);
    get('/a');
    get('/a');
    assert.equal(asked.length, 6);
  });

  it('ends the request to the origin when the last reader has left, not before', () => {
    const { asked, get } = cacheOf();
    const [first, second] = [get('/a'), get('/a')];
    first.leave();
    assert.equal(asked[0]!.aborted, false);
    second.leave();

    assert.equal(asked[0]!.aborted, true);
    get('/a');
    assert.equal(asked.length, 2);
  });

  it('validates what is stale, and lets a 304 renew it', () => {
    const { asked, get, pass } = cacheOf();
    get('/a');
    asked[0]!.answer(200, [...FRESH, 'ETag', '"1"', 'Kept', 'yes'], 'page');
    pass(61);
    const reader = get('/a');
    assert.equal(asked[1]!.fields.get('if-none-match'), '"1"');
    asked[1]!.answer(304, ['Cache-Control', 'max-age=60', 'New', 'yes'], '');
    const later = get('/a');

    assert.deepEqual([reader.text(), reader.handling?.mark], ['page', 'revalidated']);
    assert.deepEqual(
      [later.stored?.fields.get('kept'), later.stored?.fields.get('new')],
      ['yes', 'yes'],
    );
    assert.equal(asked.length, 2);
  });

  it('asks again without a condition when the 304 is about another response', () => {
    const { asked, get, pass } = cacheOf();
    get('/a');
    asked[0]!.answer(200, [...FRESH, 'ETag', '"1"'], 'page');
    pass(61);
    const reader = get('/a');
    asked[1]!.answer(304, ['ETag', '"2"']);
    assert.equal(asked[2]!.fields.has('if-none-match'), false);
    asked[2]!.answer(200, FRESH, 'new');

    assert.equal(reader.text(), 'new');
  });

  it('serves stale for an origin that closes, and says so, but never what must be validated', () => {
    const { asked, get, pass } = cacheOf();
    get('/a');
    asked[0]!.answer(200, FRESH, 'page');
    get('/b');
    asked[1]!.answer(200, ['Cache-Control', 'max-age=60, must-revalidate'], 'page');
    pass(61);
    const [stale, failing] = [get('/a'), get('/b')];
    asked[2]!.receiver.failed('closed', 'test');
    asked[3]!.receiver.failed('closed', 'test');

    assert.deepEqual([stale.text(), stale.handling?.mark], ['page', 'stale']);
    assert.equal(failing.failed, 'closed');
  });

  it('refreshes in the background what may be served stale meanwhile', () => {
    const { asked, get, pass } = cacheOf();
    get('/a');
    asked[0]!.answer(200, ['Cache-Control', 'max-age=60, stale-while-revalidate=60'], 'old');
    pass(61);
    const readers = [get('/a'), get('/a')];
    assert.deepEqual(
      readers.map((one) => one.text()),
      ['old', 'old'],
    );
    assert.equal(asked.length, 2);
    asked[1]!.answer(200, FRESH, 'new');

    assert.equal(get('/a').text(), 'new');
    assert.equal(asked.length, 2);
  });

  it('keeps the previous page when the new one breaks off', () => {
    const { asked, get, pass, store } = cacheOf();
    get('/a');
    asked[0]!.answer(200, [...FRESH, 'ETag', '"1"'], 'page');
    pass(61);
    const reader = get('/a');
    asked[1]!.answer(200, FRESH);
    asked[1]!.receiver.received(Buffer.from('half'));
    asked[1]!.receiver.failed('truncated', 'test');

    assert.equal(reader.body?.state, 'failed');
    assert.equal(
      store.lookup({ target: '/a', scope: '' }, new Fields([]))?.body.toString(),
      'page',
    );
  });

  it('forgets an address when an unsafe method succeeds, and those that the answer names', () => {
    const { asked, get, store } = cacheOf();
    for (const target of ['/a', '/b', '/c', '/d']) {
      get(target);
      asked.at(-1)!.answer(200, FRESH, target);
    }
    get('/a', { method: 'PUT' });
    asked.at(-1)!.answer(500, [], '');
    assert.equal(store.entries, 4);
    get('/a', { method: 'PUT' });
    const places = ['Location', '/base/b', 'Content-Location', 'http://elsewhere/base/c'];
    asked.at(-1)!.answer(204, places, '');

    assert.equal(store.entries, 2);
  });

  it('stores nothing that was asked for before a purge', () => {
    const { cache, asked, get, store } = cacheOf();
    const before = get('/a');
    asked[0]!.answer(200, FRESH);
    assert.equal(cache.clear(), 0);
    const after = get('/a');
    asked[0]!.receiver.received(Buffer.from('old'));
    asked[0]!.receiver.ended();
    asked[1]!.answer(200, FRESH, 'new');

    assert.deepEqual([before.text(), after.text()], ['old', 'new']);
    assert.equal(get('/a').text(), 'new');
    assert.equal(store.entries, 1);
  });

  it('does not keep a body that is larger than its share', () => {
    const { asked, get, store } = cacheOf({ maxBytes: 4_000 });
    const declared = get('/a');
    asked[0]!.answer(200, [...FRESH, 'Content-Length', '2000'], 'x'.repeat(2_000));
    const endless = get('/b');
    asked[1]!.answer(200, FRESH, 'x'.repeat(2_000));

    assert.deepEqual([declared.text().length, endless.text().length], [2_000, 2_000]);
    assert.equal(store.entries, 0);
  });

  it('answers 504 for only-if-cached, and passes by what says no-store', () => {
    const { asked, get } = cacheOf();
    assert.equal(get('/a', { raw: ['Cache-Control', 'only-if-cached'] }).failed, 'not-cached');
    get('/a', { raw: ['Cache-Control', 'no-store'] });
    asked[0]!.answer(200, FRESH, 'page');
    get('/a');

    assert.equal(asked.length, 2);
  });

  it('never gives one credential what another got, and asks once per credential at a time', () => {
    const step = fc.oneof(
      fc.record({ ask: fc.constantFrom('', 'alice', 'bob'), vary: fc.boolean() }),
      fc.record({
        answer: fc.nat(5),
        kind: fc.constantFrom('shared', 'no-store', 'fails', 'stale'),
      }),
      fc.record({ wait: fc.nat(90) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { asked, get, pass } = cacheOf();
        const readers: { readonly scope: string; readonly got: Got }[] = [];
        const open: { readonly call: Asked; readonly scope: string }[] = [];
        const collect = (scope: string, count: number) => {
          for (const call of asked.slice(count)) open.push({ call, scope });
        };
        for (const one of steps) {
          const count = asked.length;
          if ('ask' in one) {
            const raw = one.ask === '' ? [] : ['Authorization', one.ask];
            readers.push({ scope: one.ask, got: get('/a', { scope: one.ask, raw }) });
            collect(one.ask, count);
          } else if ('wait' in one) pass(one.wait);
          else {
            const [next] = open.splice(one.answer % Math.max(1, open.length), 1);
            if (!next || next.call.aborted) continue;
            if (one.kind === 'fails') next.call.receiver.failed('closed', 'test');
            else {
              const control = { shared: 'public, max-age=60', stale: 'public, max-age=0' }[
                one.kind as 'shared'
              ];
              const fields = ['Cache-Control', control ?? 'no-store', 'ETag', `"${next.scope}"`];
              next.call.answer(200, fields, `for ${next.scope}`);
            }
            collect(next.scope, count);
          }
        }
        for (const { scope, got } of readers) {
          const text = got.text();
          if (text !== '') assert.equal(text, `for ${scope}`);
        }
      }),
    );
  });

  it('asks the origin at most once at a time for what may be shared', () => {
    const step = fc.constantFrom('ask', 'answer', 'wait', 'leave');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { asked, get, pass } = cacheOf();
        const readers: Got[] = [];
        let under = 0;
        for (const one of steps) {
          if (one === 'ask') readers.push(get('/a'));
          else if (one === 'wait') pass(30);
          else if (one === 'leave') readers.pop()?.leave();
          else {
            const call = asked[under];
            const fields = ['Cache-Control', 'max-age=1000000'];
            if (call && !call.aborted) call.answer(200, fields, 'page');
          }
          while (asked[under]?.aborted || (one === 'answer' && under < asked.length)) under++;
          assert.ok(asked.length - under <= 1, `${asked.length - under} at once`);
        }
      }),
    );
  });
});
