import assert from 'node:assert/strict';
import fc from 'fast-check';
import { idHash, originalText, storedText } from '../../src/store/stored-text.ts';

/** Any code units, lone surrogates among them, and what looks like an escape. */
const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      fc.constantFrom('\\', '\\u0000', '\0', '\ud83d', '\ude00', 'u', '0'),
    ),
  )
  .map((parts) => parts.join(''));

describe('storedText', () => {
  it('is read back as any text was', () => {
    fc.assert(fc.property(anyText, (text) => originalText(storedText(text)) === text));
  });

  it('holds nothing that a database refuses', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stored = storedText(text);
        assert.ok(stored.isWellFormed());
        assert.ok(!stored.includes('\0'));
      }),
    );
  });

  it('leaves ordinary text readable', () => {
    assert.equal(storedText('a "b" ä😀 %'), 'a "b" ä😀 %');
  });
});

describe('idHash', () => {
  it('differs for texts that differ', () => {
    fc.assert(
      fc.property(
        anyText,
        anyText,
        (one, other) => (idHash(one) === idHash(other)) === (one === other),
      ),
    );
    assert.notEqual(idHash('\ud83d'), idHash('\ufffd')); // the same in UTF-8, unless it is escaped
  });
});
