import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freshToken } from '../../broker/token.ts';
import { findToken } from '../../src/fetch/token.ts';
import { redactQuery, redactText } from '../../src/telemetry/redact.ts';

/** Some characters of a text in percent escapes, in upper or lower case. */
function escaped(text: string, chosen: readonly boolean[]): string {
  return [...text]
    .map((character, at) => {
      if (!chosen[at % chosen.length]) return character;
      const digits = character.charCodeAt(0).toString(16).padStart(2, '0');
      return `%${at % 2 === 0 ? digits : digits.toUpperCase()}`;
    })
    .join('');
}

const layers = fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), { maxLength: 4 });
const around = fc.string({ unit: fc.constantFrom('/', 'a', '%', '%2', '&', '=', '%zz', '~') });

describe('findToken', () => {
  it('finds what the log masks, in whatever escapes and between whatever', () => {
    fc.assert(
      fc.property(layers, around, around, (chosen, before, after) => {
        const token = freshToken();
        const inner = chosen.reduce(escaped, token);
        const text = `${before}/${inner}/${after}`;

        assert.equal(findToken(text), token, text);
        for (const written of [redactText(text), redactQuery(text)]) {
          assert.equal(findToken(written), undefined, `${text} is written as ${written}`);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('finds none where there is none, whatever the escapes', () => {
    for (const text of ['promgate_short', '%70romgate_', '%'.repeat(1000), '%25'.repeat(5000)]) {
      assert.equal(findToken(text), undefined);
    }
    assert.equal(findToken(`promgate-${'x'.repeat(43)}`), undefined);
  });
});
