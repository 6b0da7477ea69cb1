/**
 * Messages on NATS: mutants of registers and unregisters, to a real nats-server. A good instance,
 * registered before and after, must stay listed.
 */
import { connect } from '@nats-io/transport-node';
import { startBus } from '../discover/nats-bus.ts';
import type { Skippable } from '../support/require-program.ts';
import type { Finding, Fuzzer } from './fuzzer.ts';

const CASES = 5_000;
const GOOD = { host: '10.9.9.9', port: 9_999, uris: ['good.example.com'] };
const MESSAGES = [
  '{"host":"10.0.0.1","port":8080,"uris":["a.example.com","b.example.com/path"],"tags":{"app_id":"x","instance_id":"0","process_type":"web"},"private_instance_id":"i","stale_threshold_in_seconds":120}',
  '{"host":"10.0.0.2","tls_port":61001,"server_cert_domain_san":"i","uris":["*.c.example.com"],"tags":{"organization_name":"é"}}',
  '{"host":"fd00::1","port":1,"uris":[]}',
  '{"id":"x","hosts":["1.2.3.4"],"minimumRegisterIntervalInSeconds":20,"pruneThresholdInSeconds":120}',
].map((text) => Buffer.from(text));
const WORDS = [
  ...['null', '{}', '[]', '"', '\\u0000', '\\ud800', '1e999', '-1', '[[[[[[', '{"a":', '__proto__'],
  ...['"uris":"x"', '"tags":[]', '"port":65536', 'good.example.com', '10.9.9.9', '"host":"x y"'],
];
const SUBJECTS = ['router.register', 'router.unregister', 'router.start', 'router.greet'];

export function natsFuzzer(context: Skippable): Fuzzer {
  return {
    async round(chance, scale) {
      const inputs = Array.from({ length: Math.ceil(CASES * scale) }, () => ({
        subject: chance.pick(SUBJECTS),
        bytes: chance.mutate(chance.pick(MESSAGES), WORDS),
      }));
      await using bus = await startBus(context);
      await bus.send('router.register', GOOD);
      {
        await using connection = await connect({ servers: bus.server.address });
        for (const { subject, bytes } of inputs) connection.publish(subject, bytes);
        await connection.flush();
      }
      await bus.send('router.register', GOOD); // resolves once all before it were read
      const listed = bus.listed();
      const findings: Finding[] = [];
      if (!listed['good.example.com']?.includes('10.9.9.9:9999')) {
        findings.push({ what: 'the good instance is not listed', input: inputs.at(-1)!.bytes });
      }
      const outcomes = Object.entries(listed).flatMap(([route, addresses]) =>
        addresses.map(() => ({ word: 'listed', input: Buffer.from(route) })),
      );
      return { inputs: inputs.length, findings, outcomes };
    },
  };
}
