/**
 * The kernel beside plain JavaScript, in a process of its own.
 *
 * `node kernel-process.ts '{"kind":"same","instances":100,"sizeBytes":50000,"rounds":60}'` prints the
 * figures as one line of JSON.
 */
import { type KernelCase, measureKernel } from './kernel.ts';

const of = JSON.parse(process.argv[2] ?? '{}') as KernelCase;
process.stdout.write(`${JSON.stringify(measureKernel(of))}\n`);
