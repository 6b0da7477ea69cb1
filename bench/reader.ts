/**
 * A reader that scrapes an app without pause, in a process of its own so that other readers do not
 * wait while it reads.
 *
 * `node reader.ts '{"url":"http://127.0.0.1:4001/0"}'` prints an empty line, scrapes until its
 * standard input ends, and prints the bytes of the largest answer.
 */
import { Agent } from 'undici';
import { scrape } from './scrape.ts';

export interface ReaderOptions {
  readonly url: string;
}

const { url } = JSON.parse(process.argv[2] ?? '{}') as ReaderOptions;
const dispatcher = new Agent({ connections: 1, bodyTimeout: 0, headersTimeout: 0 });
let isOver = false;
let largest = 0;
process.stdin.resume().once('end', () => {
  isOver = true;
});
process.stdout.write('\n');
while (!isOver) largest = Math.max(largest, (await scrape(url, dispatcher)).bytes);
await dispatcher.close();
process.stdout.write(`${largest}\n`);
