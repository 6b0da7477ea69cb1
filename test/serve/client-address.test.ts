import assert from 'node:assert/strict';
import { clientAddress, readerName } from '../../src/serve/client-address.ts';

const PROXIES = ['10.0.0.0/8', '192.0.2.9', '2001:db8::/32'];

describe('clientAddress', () => {
  for (const [what, trusted, remote, forwarded, expected] of [
    ["the socket's where no proxy is trusted", [], '10.0.0.1', '198.51.100.1', '10.0.0.1'],
    ["the socket's where that is no proxy", PROXIES, '198.51.100.7', '203.0.113.1', '198.51.100.7'],
    ['what a trusted proxy saw', PROXIES, '10.0.0.1', '203.0.113.1', '203.0.113.1'],
    ['what a single trusted proxy saw', PROXIES, '192.0.2.9', '203.0.113.1', '203.0.113.1'],
    ['what a trusted proxy saw by IPv6', PROXIES, '2001:db8::1', '203.0.113.1', '203.0.113.1'],
    ['what a mapped proxy saw', PROXIES, '::ffff:10.0.0.1', '203.0.113.1', '203.0.113.1'],
    ['not what the client made up', PROXIES, '10.0.0.1', '192.0.2.1, 203.0.113.1', '203.0.113.1'],
    ['what lies before several', PROXIES, '10.0.0.1', '203.0.113.1, 10.1.1.1', '203.0.113.1'],
    ["the proxy's where it says nothing", PROXIES, '10.0.0.1', undefined, '10.0.0.1'],
    ["the proxy's where it says no address", PROXIES, '10.0.0.1', 'unknown', '10.0.0.1'],
    ['nothing where the socket is gone', PROXIES, undefined, '203.0.113.1', ''],
  ] as const) {
    it(`is ${what}`, () => {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
      const request = { headers, socket: { remoteAddress: remote } };
      assert.equal(clientAddress(trusted)(request), expected);
    });
  }
});

describe('readerName', () => {
  for (const [what, forwarded, expected] of [
    ['the first address that the proxies name', '198.51.100.1, 10.0.0.1', '198.51.100.1'],
    ["the socket's where they name none", undefined, '10.0.0.9'],
    ["the socket's where they name nothing", ' , 10.0.0.1', '10.0.0.9'],
    ['short whatever the reader sends', 'a'.repeat(1_000), 'a'.repeat(64)],
  ] as const) {
    it(`is ${what}`, () => {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
      assert.equal(readerName({ headers, socket: { remoteAddress: '10.0.0.9' } }), expected);
    });
  }
});
