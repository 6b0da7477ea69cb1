/**
 * Bodies of the service broker: mutants of what Cloud Controller sends. Each is answered in JSON and
 * below 500, and a good call after it does what it always does.
 */
import { ADMIN, BIND, basic, IDS, PROVISION, startBroker } from '../broker/broker-server.ts';
import type { Finding, Fuzzer, Outcome } from './fuzzer.ts';

const CASES = 2_000;
const CALLS = [
  { path: '/service_instances/i', method: 'PUT', body: PROVISION },
  { path: '/service_instances/i', method: 'PATCH', body: { ...IDS, context: { a: 'b' } } },
  { path: '/service_instances/i/service_bindings/b', method: 'PUT', body: BIND },
  {
    path: '/service_instances/i/service_bindings/c',
    method: 'PUT',
    body: {
      ...BIND,
      context: { platform: 'cloudfoundry', organization_annotations: { x: 'y' } },
      parameters: { endpoint: '/a', labels: { team: 'x' }, headers: { X: 'y' }, timeout: '1s' },
    },
  },
];
const WORDS = [
  ...['null', '{}', '[]', '"', '\\u0000', '\\ud800', '1e999', '-1', '[[[[[[', '{"a":', '__proto__'],
  ...[
    '"parameters":{"endpoints":[{"path":"/x"}]}',
    '"bind_resource":{"route":"a"}',
    '\u0000',
    '\ufeff',
  ],
];

export function brokerFuzzer(): Fuzzer {
  return {
    async round(chance, scale) {
      await using broker = await startBroker();
      const findings: Finding[] = [];
      const outcomes: Outcome[] = [];
      const good = async () =>
        (await broker.send('PUT', '/service_instances/g', { body: PROVISION })).status;
      const count = Math.ceil(CASES * scale);
      for (let n = 0; n < count; n++) {
        const { path, method, body } = chance.pick(CALLS);
        const input = chance.mutate(Buffer.from(JSON.stringify(body)), WORDS);
        const answer = await fetch(`${broker.url}/broker/v2${path}`, {
          method,
          body: new Uint8Array(input),
          headers: {
            Authorization: basic(ADMIN),
            'X-Broker-API-Version': '2.17',
            'Content-Type': 'application/json',
          },
        });
        const text = await answer.text();
        outcomes.push({ word: String(answer.status), input });
        if (answer.status >= 500) findings.push({ what: `${answer.status}: ${text}`, input });
        else if (!isJson(text)) findings.push({ what: `no JSON: ${text}`, input });
      }
      const status = await good();
      if (status !== 201) findings.push({ what: `a good call: ${status}`, input: Buffer.alloc(0) });
      return { inputs: count, findings, outcomes };
    },
  };
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false; // the answer to the question
  }
}
