/**
 * Simulated app instances in a process of their own: their work is not promgate's.
 *
 * `node simulator.ts '{"instances":100,"sizeBytes":50000,"delayMs":0}'` prints the addresses as one
 * line of JSON and runs until its standard input ends.
 */
import { page } from '../test/support/answers.ts';
import { startAppInstances } from '../test/support/app-instances.ts';
import { expositionPage } from '../test/support/exposition-pages.ts';

export interface SimulatorOptions {
  readonly instances: number;
  readonly sizeBytes: number;
  readonly delayMs: number;
}

const { instances, sizeBytes, delayMs } = JSON.parse(process.argv[2] ?? '{}') as SimulatorOptions;
const answers = Array.from({ length: instances }, (_, seed) =>
  page(expositionPage({ sizeBytes, seed }), { delayMs }),
);
const { addresses } = await startAppInstances(answers);
process.stdout.write(`${JSON.stringify(addresses)}\n`);
process.stdin.resume().once('end', () => process.exit());
