/**
 * Simulated app instances in a process of their own: their work is not promgate's.
 *
 * `node simulator.ts '{"instances":100,"sizeBytes":50000,"delayMs":0}'` prints the addresses as one
 * line of JSON and runs until its standard input ends.
 */

import { page } from '../test/support/answers.ts';
import { startAppInstances } from '../test/support/app-instances.ts';
import { expositionPage } from '../test/support/exposition-pages.ts';
import type { Answer } from '../test/support/simulated-server.ts';

export interface SimulatorOptions {
  readonly instances: number;
  readonly sizeBytes: number;
  readonly delayMs: number;
  /** All instances print the same values: large pages take one page's memory. Default: false. */
  readonly samePage?: boolean;
}

const options = JSON.parse(process.argv[2] ?? '{}') as SimulatorOptions;
const { instances, sizeBytes, delayMs, samePage = false } = options;
const answer = (seed: number): Answer => page(expositionPage({ sizeBytes, seed }), { delayMs });
const answers = samePage
  ? new Array<Answer>(instances).fill(answer(0))
  : Array.from({ length: instances }, (_, seed) => answer(seed));
const { addresses } = await startAppInstances(answers);
process.stdout.write(`${JSON.stringify(addresses)}\n`);
process.stdin.resume().once('end', () => process.exit());
