/**
 * The program of the disk's journal, with faults that a test calls for by files beside the journal's:
 * `<file>.fault` has `throw` or `exit`, with which the thread ends at the next task; `<file>.hold` is a
 * named pipe, and the next task waits until somebody has written to it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerSettings } from '../../src/store/push-journal-worker.ts';

const { file } = workerData as WorkerSettings;

parentPort?.addEventListener('message', (event) => {
  if (existsSync(`${file}.hold`)) readFileSync(`${file}.hold`);
  if (!existsSync(`${file}.fault`)) return;
  const fault = readFileSync(`${file}.fault`, 'utf8');
  if (fault === 'exit') process.exit(1);
  event.stopImmediatePropagation(); // the task is not begun
  throw new Error('a fault of the program');
});

await import('../../src/store/push-journal-worker.ts');
