/**
 * Measures one way of merging in a process of its own.
 *
 * `node merge-process.ts '{"way":"scanned","instances":100,"sizeBytes":50000,"apps":1,"rounds":25}'`
 * prints the figures as one line of JSON.
 */
import { type MergeCase, measureMerge } from './merge.ts';

const mergeCase = JSON.parse(process.argv[2] ?? '{}') as MergeCase;
process.stdout.write(`${JSON.stringify(measureMerge(mergeCase))}\n`);
