/**
 * A process that has no descriptor left when it asks an instance; run under a low `ulimit -n`.
 *
 * Prints what came of it while there was none, and when some had come free meanwhile.
 */
import { closeSync, openSync } from 'node:fs';
import { brief, openScraper, scrape, serve, target, until } from './instance-server.ts';

const held: number[] = [];
let told = 0;
let freeWhenTold = false;

/** Opens files until there is no descriptor left. */
function exhaust(): void {
  for (;;) {
    try {
      held.push(openSync('/dev/null', 'r'));
    } catch {
      return; // EMFILE
    }
  }
}

function onNoDescriptors(): void {
  told++;
  if (freeWhenTold) for (const descriptor of held.splice(0)) closeSync(descriptor);
}

await using server = await serve((_request, response) => void response.end('up 1\n'));
await using scraper = openScraper({ onNoDescriptors });
await scrape(scraper, [target(server.address)]);
scraper.forget(server.address);
await until(() => server.open.size === 0, 'its connection is closed');
exhaust();

const deadlineMs = performance.now() + 300;
const [without] = await scrape(scraper, [target(server.address)], { deadlineMs });
const toldWithout = told;
freeWhenTold = true;
exhaust();
const [later] = await scrape(scraper, [target(server.address)]);

process.stdout.write(JSON.stringify([brief(without), toldWithout > 0, brief(later)]));
