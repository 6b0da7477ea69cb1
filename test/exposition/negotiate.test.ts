import assert from 'node:assert/strict';
import {
  acceptsJson,
  formatsOf,
  negotiate,
  negotiatePage,
} from '../../src/exposition/negotiate.ts';

const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

describe('negotiate', () => {
  const cases: readonly [accept: string | undefined, answer: string][] = [
    [undefined, 'text/plain; version=0.0.4; charset=utf-8'],
    ['', 'text/plain; version=0.0.4; charset=utf-8'],
    ['*/*', 'text/plain; version=0.0.4; charset=utf-8'],
    ['text/html', 'text/plain; version=0.0.4; charset=utf-8'],
    [PROMETHEUS_2, 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
    [
      PROMETHEUS_3,
      'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
    ],
    [
      'application/openmetrics-text;version=0.0.1',
      'application/openmetrics-text; version=0.0.1; charset=utf-8',
    ],
    ['application/openmetrics-text', 'application/openmetrics-text; version=0.0.1; charset=utf-8'],
    [
      'application/openmetrics-text;version=2.0.0,text/plain;q=0.5',
      'text/plain; version=0.0.4; charset=utf-8',
    ],
    ['application/openmetrics-text;q=0.5,text/plain', 'text/plain; version=0.0.4; charset=utf-8'],
    ['text/plain,application/openmetrics-text', 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/openmetrics-text;q=0', 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/openmetrics-text;q=x,text/plain', 'text/plain; version=0.0.4; charset=utf-8'],
    [
      'text/plain;version=1.0.0;escaping=dots',
      'text/plain; version=1.0.0; charset=utf-8; escaping=dots',
    ],
    [
      'text/plain;version=0.0.4;escaping=underscores',
      'text/plain; version=0.0.4; charset=utf-8; escaping=underscores',
    ],
    ['TEXT/PLAIN; Version="1.0.0"', 'text/plain; version=1.0.0; charset=utf-8'],
    [
      'application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.3,*/*',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    ],
    [
      'application/openmetrics-text;q=0.1,text/plain;q=0,*/*;q=0.5',
      'application/openmetrics-text; version=0.0.1; charset=utf-8',
    ],
    [
      'text/plain;a="b,application/openmetrics-text";q=0.5,*/*;q=0.1',
      'text/plain; version=0.0.4; charset=utf-8',
    ],
    ['text/plain;a=";\\";q=0";version=1.0.0', 'text/plain; version=1.0.0; charset=utf-8'],
    ['text/plain;version=1.0.0;a="', 'text/plain; version=1.0.0; charset=utf-8'],
    ['text/plain;escaping=nonsense', 'text/plain; version=0.0.4; charset=utf-8'],
  ];
  for (const [accept, answer] of cases) {
    it(`answers ${accept} with ${answer}`, () => {
      const { preferOpenMetrics, contentType } = negotiate(accept, { textOnly: false });

      assert.equal(contentType[preferOpenMetrics ? 'openmetrics' : 'text'], answer);
    });
  }

  it('asks instances for OpenMetrics first when the reader accepts it', () => {
    const asked = (accept: string, textOnly = false): string =>
      negotiate(accept, { textOnly }).accept;

    assert.match(asked(PROMETHEUS_2), /^application\/openmetrics-text;version=1\.0\.0;q=/);
    assert.match(asked(PROMETHEUS_3), /^application\/openmetrics-text;.*escaping=allow-utf-8/);
    assert.match(
      asked('text/plain,application/openmetrics-text;q=0.1'),
      /^application\/openmetrics/,
    );
    assert.doesNotMatch(asked('text/plain,application/openmetrics-text;q=0'), /openmetrics/);
    assert.equal(asked('*/*'), 'text/plain;version=0.0.4,*/*;q=0.1');
    assert.doesNotMatch(asked(PROMETHEUS_3, true), /openmetrics/);
  });

  it('keeps the escapings of both formats apart', () => {
    const accept =
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.5';

    const { contentType, escaping } = negotiate(accept, { textOnly: false });

    assert.deepEqual(escaping, { text: 'underscores', openmetrics: 'allow-utf-8' });
    assert.equal(contentType.text, 'text/plain; version=0.0.4; charset=utf-8');
  });

  it('falls back to text with the escaping that the reader allows for text', () => {
    const { contentType, escaping } = negotiate(PROMETHEUS_3, { textOnly: true });

    assert.equal(
      contentType.text,
      'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
    );
    assert.equal(escaping.text, 'allow-utf-8');
  });
});

describe('formatsOf', () => {
  const cases: readonly [type: string, formats: string, announced: boolean][] = [
    ['text/plain; version=0.0.4; charset=utf-8', 'text', true],
    ['text/plain', 'text', true],
    ['text/plain; charset="a,b"', 'text', true],
    ['Application/OpenMetrics-Text; version=1.0.0', 'openmetrics', true],
    ['text/html', 'text', false],
    ['text/html, */*', 'text', false],
    ['', 'text', false],
    [',', 'text', false],
    [PROMETHEUS_2, 'text openmetrics', true],
    [PROMETHEUS_3, 'text openmetrics', true],
    ['text/plain,application/openmetrics-text', 'text openmetrics', true],
  ];
  for (const [type, formats, announced] of cases) {
    it(`reads "${type}" as ${formats}`, () => {
      assert.deepEqual(formatsOf(type), { formats: formats.split(' '), announced });
    });
  }
});

describe('negotiatePage', () => {
  const PROTOBUF =
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
  const PROTOBUF_ANSWER =
    'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
  const cases: readonly [accept: string | undefined, format: string, contentType: string][] = [
    [undefined, 'text', 'text/plain; version=0.0.4; charset=utf-8'],
    ['image/png', 'text', 'text/plain; version=0.0.4; charset=utf-8'],
    [PROMETHEUS_2, 'openmetrics', 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
    [`${PROTOBUF},${PROMETHEUS_2}`, 'protobuf', PROTOBUF_ANSWER],
    [
      `${PROTOBUF};escaping=allow-utf-8;q=0.7,${PROMETHEUS_3}`,
      'protobuf',
      `${PROTOBUF_ANSWER}; escaping=allow-utf-8`,
    ],
    [`${PROTOBUF};q=0.2,text/plain;q=0.3`, 'text', 'text/plain; version=0.0.4; charset=utf-8'],
    [`${PROTOBUF};q=0`, 'text', 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/vnd.google.protobuf', 'text', 'text/plain; version=0.0.4; charset=utf-8'],
    [PROTOBUF.replace('delimited', 'text'), 'text', 'text/plain; version=0.0.4; charset=utf-8'],
  ];
  for (const [accept, format, contentType] of cases) {
    it(`answers ${accept} with ${contentType}`, () => {
      const negotiated = negotiatePage(accept);

      assert.deepEqual([negotiated.format, negotiated.contentType], [format, contentType]);
    });
  }
});

describe('acceptsJson', () => {
  it('finds JSON among other types, unless it is ruled out', () => {
    const accepts = ['application/json, text/plain, */*', 'text/html,Application/JSON;q=0.1'];
    const others = [undefined, '*/*', 'application/json;q=0', 'application/json-seq'];

    assert.deepEqual(accepts.map(acceptsJson), [true, true]);
    assert.deepEqual(others.map(acceptsJson), [false, false, false, false]);
  });
});
