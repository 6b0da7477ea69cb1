/**
 * Simulated app instances, in a process of their own so that promgate's figures exclude their work.
 *
 * `node simulator.ts '{"instances":100,"sizeBytes":50000,"delayMs":0}'` prints the addresses of the
 * instances as one line of JSON, and runs until its standard input ends.
 */

import { page } from '../test/support/answers.ts';
import { startAppInstances } from '../test/support/app-instances.ts';
import { expositionPage } from '../test/support/exposition-pages.ts';
import type { Answer } from '../test/support/simulated-server.ts';

export interface SimulatorOptions {
  readonly instances: number;
  /** The size of each page. */
  readonly sizeBytes: number;
  /** The time before each answer. */
  readonly delayMs: number;
  /** Whether all instances serve one page, which saves memory for large pages. Default: false. */
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
