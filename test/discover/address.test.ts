import assert from 'node:assert/strict';
import fc from 'fast-check';
import { joinAddress, parseAddress } from '../../src/discover/address.ts';

describe('parseAddress', () => {
  const accepted: readonly [text: string, address: string][] = [
    ['10.0.0.1:61001', '10.0.0.1:61001'],
    ['[fd00::A]:8080', '[fd00::a]:8080'],
    ['[fd00:0:0:0::000A]:8080', '[fd00::a]:8080'],
    ['[::ffff:10.0.0.1]:61001', '10.0.0.1:61001'],
    ['[0:0:0:0:0:ffff:0a00:0001]:61001', '10.0.0.1:61001'],
    ['Host-1.q-s0.my_net.bosh:65535', 'host-1.q-s0.my_net.bosh:65535'],
    ['localhost:1', 'localhost:1'],
  ];
  for (const [text, address] of accepted) {
    it(`accepts ${text}`, () => assert.equal(parseAddress(text), address));
  }

  const refused = [
    '',
    ':80',
    'host',
    'host:',
    'host:0',
    'host:080',
    'host:65536',
    'host:-1',
    'host:1e3',
    'host:80 ',
    ' host:80',
    'host:80/path',
    'user@host:80',
    'http://host:80',
    'host\r\nX: y:80',
    'ho st:80',
    'höst:80',
    '-host:80',
    'host-.example.com:80',
    '.host:80',
    'host.:80',
    'a..b:80',
    `${'a'.repeat(64)}:80`,
    `${'a.'.repeat(127)}a:80`,
    'fd00::a:8080',
    '[fd00::a]',
    '[fd00::a%eth0]:80',
    '[10.0.0.1]:80',
    '[host]:80',
    '2130706433:80',
    '0x7f000001:80',
    '0x7f.1:80',
    '127.1:80',
    '1.2.3.4.5:80',
    '256.0.0.1:80',
    '010.0.0.1:80',
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text).slice(0, 40)}`, () =>
      assert.equal(parseAddress(text), undefined));
  }

  it('gives what URL parsers take for the same host and port', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.domain()),
        fc.nat(70_000),
        (host, port) => {
          const address = joinAddress(host, port);
          if (address === undefined) return;
          const url = new URL(`http://${address}/`);
          assert.equal(url.port === '' ? 80 : Number(url.port), port);
          assert.equal(url.pathname + url.search + url.hash + url.username, '/');
          if (!host.includes(':')) assert.equal(url.hostname, host.toLowerCase());
          assert.equal(parseAddress(address), address);
        },
      ),
    );
  });
});
