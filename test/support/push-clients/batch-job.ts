/**
 * A batch job with prom-client, as `docs/push.md` shows it: it pushes its registry after every piece
 * of work, and names itself, so that a push that is sent again counts once.
 *
 * Arguments: the URL of the push gateway, the name of the source, and how many pieces of work there
 * are. Prints a line for each answered push.
 */
import { setTimeout } from 'node:timers/promises';
import { Counter, Histogram, Pushgateway, Registry } from 'prom-client';

const [url = '', source = '', pieces = ''] = process.argv.slice(2);
const registry = new Registry<'text/plain; version=0.0.4; charset=utf-8'>();
const done = new Counter({ name: 'pieces_total', help: 'Work done.', registers: [registry] });
const sizes = new Histogram({
  ...{ name: 'piece_size', help: 'Sizes.', buckets: [1, 2, 4], registers: [registry] },
});
const gateway = new Pushgateway(
  url,
  { headers: { 'X-Push-Source': source, 'X-Push-Mode': 'aggregate' } },
  registry,
);

for (let piece = 0; piece < Number(pieces); piece++) {
  done.inc();
  sizes.observe(piece % 5);
  while (!(await isPushed())) await new Promise(setImmediate);
  process.stdout.write(`pushed ${piece}\n`);
}
process.exit(); // timers of `late` may be left

async function isPushed(): Promise<boolean> {
  try {
    await Promise.race([gateway.pushAdd({ jobName: 'batch' }), late()]);
    return true;
  } catch {
    return false; // promgate is away: push again
  }
}

/** prom-client waits for ever when the connection breaks in the middle of an answer. */
async function late(): Promise<never> {
  await setTimeout(2_000, undefined);
  throw new Error('no answer');
}
