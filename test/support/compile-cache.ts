/**
 * Required by mocha before all tests: keeps what Node has made of the sources, for these tests and
 * for the programs that they start.
 *
 * Measured: a file of short tests runs in 0.6 s instead of 0.9 s, and promgate starts as much sooner.
 * Under a measurement of coverage nothing is kept, since functions from the cache are counted wrong.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/promgate', import.meta.url));

if (process.env['NODE_V8_COVERAGE'] === undefined) {
  process.env['NODE_COMPILE_CACHE'] ??= FOLDER;
  enableCompileCache(FOLDER);
}
