import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isPublic, Networks } from '../../src/fetch/address-rules.ts';
import { edgeAddresses, isInNetwork, mayBeAsked } from '../support/address-oracle.ts';

const address4 = fc.ipV4();
const address6 = fc.ipV6();
const mapped = address4.map((one) => `::ffff:${one}`);
const addresses = fc.oneof(address4, address6, mapped, fc.constantFrom(...edgeAddresses()));
const networks = fc.oneof(
  fc.tuple(address4, fc.integer({ min: 0, max: 32 })).map((one) => one.join('/')),
  fc.tuple(address6, fc.integer({ min: 0, max: 128 })).map((one) => one.join('/')),
  addresses,
);

describe('isPublic', () => {
  it('never says so of an address that leads inside', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        if (!mayBeAsked(address, [])) assert.equal(isPublic(address), false, address);
      }),
      { numRuns: 2_000 },
    );
  });

  it('says so of every IPv4 address beside the networks that are not public', () => {
    for (const address of [
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '172.32.0.0',
      '223.255.255.255',
    ]) {
      assert.equal(isPublic(address), true, address);
    }
    for (const address of ['2000::', '2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8']) {
      assert.equal(isPublic(address), true, address);
    }
  });

  it('says no to anything that is no address', () => {
    for (const text of [
      '',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '::1%lo',
      '2000::%eth0',
      '[::1]',
      '0x7f.1',
    ]) {
      assert.equal(isPublic(text), false, text);
    }
  });
});

describe('Networks', () => {
  it('has an address exactly if one of its networks has', () => {
    fc.assert(
      fc.property(fc.array(networks, { maxLength: 5 }), addresses, (list, address) => {
        const expected = list.some((network) => isInNetwork(address, network));
        assert.equal(new Networks(list).has(address), expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
