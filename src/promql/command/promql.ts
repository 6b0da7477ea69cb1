#!/usr/bin/env node
/**
 * The program behind `npm run promql`.
 */
import { readFile } from 'node:fs/promises';
import { evaluateFile } from './evaluate-file.ts';

const outcome = await evaluateFile(process.argv.slice(2), (path) => readFile(path, 'utf8'));
process.stdout.write(outcome.output);
process.stderr.write(outcome.messages);
process.exitCode = outcome.exitCode;
