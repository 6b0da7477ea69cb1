/**
 * A mock of Kafka that Debian's kcat carries, started for a test: one broker, which makes topics of
 * four partitions when it is asked for them, and keeps all in memory.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { requireProgram, type Skippable } from './require-program.ts';
import { endServer, freeze } from './server-process.ts';

const run = promisify(execFile);

interface ConsumedEvent {
  readonly key: string;
  readonly value: string;
}

export interface KafkaBroker extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** All events of a topic, each partition in its order. */
  consume(topic: string): Promise<ConsumedEvent[]>;
  goDown(): Promise<void>;
  /** Stops it in its tracks: it accepts connections, and answers nothing. */
  hang(): Promise<void>;
  goOn(): void;
}

/** They make kcat a broker, for as long as its standard input is open. */
export const MOCK_ARGUMENTS = [
  ...['-P', '-b', 'mock:1', '-t', 'unused'],
  ...['-X', 'test.mock.num.brokers=1', '-d', 'mock'],
];

/** @param context - `this` of the test that needs it: skipped when the program is missing */
export async function startKafkaBroker(context: Skippable): Promise<KafkaBroker> {
  const kcat = requireProgram(context, 'kcat');
  // The broker lives as long as this producer, which reads standard input and never gets any.
  const broker = spawn(kcat, MOCK_ARGUMENTS, { stdio: ['pipe', 'ignore', 'pipe'] });
  const address = await addressOf(broker);
  return {
    address,
    consume: async (topic) => {
      const { stdout } = await run(
        kcat,
        ['-C', '-b', address, '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%k\\n%s\\n'],
        { maxBuffer: 2 ** 28 },
      );
      const lines = stdout.split('\n');
      return Array.from({ length: Math.floor(lines.length / 2) }, (_, index) => ({
        key: lines[2 * index]!, // two lines per event
        value: lines[2 * index + 1]!,
      }));
    },
    goDown: () => endServer(broker, 'SIGKILL'), // it heeds no other signal while it reads its input
    hang: () => freeze([broker.pid!]), // it runs
    goOn: () => void broker.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => endServer(broker, 'SIGKILL'),
  };
}

/** The address that it logs; its log goes on, and has to be read on. */
export async function addressOf(broker: ChildProcess): Promise<string> {
  const log = createInterface({ input: broker.stderr! }); // 'pipe' above
  const found = Promise.withResolvers<string>();
  log.on('line', (line) => {
    const [, address] = /bootstrap\.servers=(127\.0\.0\.1:\d+)/.exec(line) ?? [];
    if (address !== undefined) found.resolve(address);
  });
  const ended = once(broker, 'exit').then(() => {
    throw new Error('kcat did not start a broker');
  });
  ended.catch(() => undefined); // it also ends after the test
  return Promise.race([found.promise, ended]);
}
