import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Fields } from '../../src/refresh/fields.ts';
import { HttpStore, type StoredResponse, type Ticket } from '../../src/refresh/http-store.ts';
import { ProxyLane } from '../../src/serve/proxy-lane.ts';

const FRESHNESS = {
  ...{ lifetimeMs: 1000, initialAgeMs: 0, responseMs: 0, noCache: false, neverStale: false },
  ...{ staleWhileRevalidateMs: 0, staleIfErrorMs: undefined },
};

function request(rawHeaders: string[], over: Partial<IncomingMessage> = {}): IncomingMessage {
  const message = { method: 'GET', url: '/a', httpVersion: '1.1', rawHeaders, ...over };
  return message as unknown as IncomingMessage;
}

function stored(): StoredResponse {
  const parts = { key: { target: '/a', scope: '' }, status: 200, statusMessage: 'OK' };
  const rest = { fields: new Fields([]), body: Buffer.from('a'), freshness: FRESHNESS };
  return new HttpStore({ maxBytes: 1e6 }).put({ ...parts, ...rest, selectors: [] });
}

const cache = { hitOf: ({ response }: Ticket) => response };

describe('ProxyLane', () => {
  it('knows requests that are equal in version, address and all fields, and no others', () => {
    const lane = new ProxyLane(cache);
    const hit = stored();
    lane.add(request(['Host', 'a', 'Accept', 'b']), hit.ticket);

    assert.equal(lane.find(request(['Host', 'a', 'Accept', 'b'])), hit);
    for (const other of [
      request(['Host', 'a', 'Accept', 'c']),
      request(['Host', 'a']),
      request(['Host', 'a', 'Accept', 'b', 'X', '']),
      request(['Host', 'a', 'Accept', 'b'], { url: '/b' }),
      request(['Host', 'a', 'Accept', 'b'], { httpVersion: '1.0' }),
      request(['Host', 'a', 'Accept', 'b'], { method: 'HEAD' }),
    ]) {
      assert.equal(lane.find(other), undefined);
    }
  });

  it('keeps no request with directives or with what may be a credential', () => {
    const lane = new ProxyLane(cache);
    const hit = stored();
    for (const name of ['Cache-Control', 'Authorization', 'cookie', 'X-Api-Key', 'X-Auth-Token']) {
      const asked = request(['Host', 'a', name, 'x']);
      lane.add(asked, hit.ticket);

      assert.equal(lane.find(asked), undefined, name);
    }
  });

  it('forgets a response that is gone', () => {
    const lane = new ProxyLane(cache);
    const hit = stored();
    const { ticket } = hit;
    lane.add(request([]), ticket);
    ticket.response = undefined;

    assert.equal(lane.find(request([])), undefined);
  });
});
