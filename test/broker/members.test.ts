import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isObject } from '../../broker/json.ts';
import { membersOf } from '../../broker/members.ts';

/** As `JSON.parse` gives them: of equal names the last one. */
function members(json: string): Map<string, unknown> {
  return new Map(
    [...membersOf(Buffer.from(json))].map(({ name, value }) => [name, JSON.parse(String(value))]),
  );
}

/** @returns undefined for what is no JSON */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no object either
  }
}

const value = fc.jsonValue({ stringUnit: 'binary' });
const blanks = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 2 });

describe('membersOf', () => {
  it('gives what JSON.parse gives, whatever stands in the object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), value), blanks, (object, blank) => {
        for (const json of [JSON.stringify(object), JSON.stringify(object, null, 2)]) {
          const found = members(blank + json + blank);
          assert.deepEqual(Object.fromEntries(found), JSON.parse(json));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what is no object, and one that is not whole', () => {
    for (const json of [
      ...['', ' ', '[]', 'null', '"x"', '{', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}'],
      ...['{,}', '{"a" 1}', '{"a":}', '{"a":1 "b":2}', '{"a":[}', '{"a":[1}', '{a:1}', '{"a":"}'],
      ...['{"a":"\\\\\\"}', '{"a":]}', '{} x', '{}{}', '{"a":1}]', '{"\\u00":1}', '{"a":{"b":[}'],
      ...['{"a":[1},"b":[}', '{"a":[{]}}', '{"a":{]}', '{"a":[[}]}'],
    ]) {
      assert.throws(() => members(json), SyntaxError, json);
    }
  });

  it('takes any text for an object or an error', () => {
    const piece = fc.constantFrom(...'{}[]",:\\ 1anull', '"a":', '{"', 'true');
    fc.assert(
      fc.property(fc.string({ unit: piece }), (text) => {
        try {
          members(text);
        } catch (error) {
          assert.ok(error instanceof SyntaxError);
          assert.ok(!isObject(parsed(text)), text);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
