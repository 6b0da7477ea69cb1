import assert from 'node:assert/strict';
import fc from 'fast-check';
import { canonicalJson } from '../../broker/canonical.ts';

/** The same value with the members of all objects in the opposite order. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const entries = Object.entries(value).map(([name, inner]) => [name, reversed(inner)] as const);
  return Object.fromEntries(entries.reverse());
}

describe('canonicalJson', () => {
  it('prints what JSON.parse reads back', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const value: unknown = JSON.parse(json);
        assert.deepEqual(JSON.parse(canonicalJson(value)), value);
      }),
    );
  });

  it('prints objects alike, whatever the order of their members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(canonicalJson(reversed(value)), canonicalJson(value));
      }),
    );
  });

  it('prints different values differently', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (a, b) => {
        const [left, right]: unknown[] = [JSON.parse(a), JSON.parse(b)];
        const alike = canonicalJson(left) === canonicalJson(right);
        if (alike) assert.deepEqual(left, right);
      }),
    );
  });

  it('sorts at every depth, and keeps lists', () => {
    const value: unknown = JSON.parse('{"b":[3,{"d":1,"c":null}],"__proto__":"x","a":"\\n"}');
    assert.equal(canonicalJson(value), '{"__proto__":"x","a":"\\n","b":[3,{"c":null,"d":1}]}');
  });
});
