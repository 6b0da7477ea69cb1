/**
 * Simulated app instances, in a process of their own so that promgate's figures exclude their work.
 *
 * `node simulator.ts '{"instances":100,"sizeBytes":50000,"delayMs":0}'` prints the addresses of the
 * instances as one line of JSON, and runs until its standard input ends.
 *
 * One listener serves all instances, 127.1.0.1, 127.1.0.2 and so on, and all pages are made
 * beforehand, so that the instances take as little as possible of the CPU that they share with the
 * servers to measure.
 */
import net from 'node:net';
import { OPENMETRICS_TYPE, response, TEXT_TYPE } from '../test/support/answers.ts';
import { expositionPage, type PageTraits } from '../test/support/exposition-pages.ts';
import { SECOND_PATH } from './pages-cases.ts';

export interface SimulatorOptions {
  readonly instances: number;
  /** The size of each page. */
  readonly sizeBytes: number;
  /** The time before each answer. */
  readonly delayMs: number;
  /** Whether all instances serve one page, which saves memory for large pages. Default: false. */
  readonly samePage?: boolean;
  readonly traits?: PageTraits;
  /** What the page at `SECOND_PATH` is; default: as the first one, with other values. */
  readonly second?: PageTraits;
  /** How many pages an instance has, which it serves in turn. Default 1. */
  readonly scrapes?: number;
}

/** How many instances each network of 127.1.x.0/24 has. */
const PER_NETWORK = 250;

const options = JSON.parse(process.argv[2] ?? '{}') as SimulatorOptions;
const { instances, sizeBytes, delayMs, samePage = false, scrapes = 1 } = options;

/** The pages that an instance serves in turn. */
class Pages {
  readonly #whole: readonly Buffer[];
  #next = 0;

  constructor(seed: number, traits: PageTraits = {}) {
    const contentType = traits.format === 'openmetrics' ? OPENMETRICS_TYPE : TEXT_TYPE;
    this.#whole = Array.from({ length: scrapes }, (_, scrape) => {
      const page = expositionPage({ sizeBytes, seed, scrape, traits });
      return response(200, { 'Content-Type': contentType }, page);
    });
  }

  next(): Buffer {
    this.#next = (this.#next + 1) % this.#whole.length;
    return this.#whole[this.#next]!; // below the length
  }
}

const { traits, second } = options;
const first = samePage
  ? new Array<Pages>(instances).fill(new Pages(0, traits))
  : Array.from({ length: instances }, (_, seed) => new Pages(seed, traits));
const others = second && Array.from({ length: instances }, (_, at) => new Pages(at + 1e6, second));

const server = net.createServer({ noDelay: true }, (socket) => {
  const [, , network, host] = (socket.localAddress ?? '').split('.').map(Number);
  const at = (network ?? 0) * PER_NETWORK + (host ?? 0) - 1;
  let received = '';
  const answer = (isSecond: boolean): void => {
    const pages = isSecond ? others : first;
    const whole = pages?.[at]?.next();
    if (whole) socket.write(whole);
    else socket.destroy();
  };
  socket.on('error', () => socket.destroy()); // a reader that breaks off is no failure
  socket.on('data', (data: Buffer) => {
    received += data.toString('latin1');
    for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
      const isSecond = received.startsWith(`GET ${SECOND_PATH} `);
      received = received.slice(end + 4);
      if (delayMs > 0) setTimeout(answer, delayMs, isSecond);
      else answer(isSecond);
    }
  });
});
server.listen({ host: '0.0.0.0', port: 0, backlog: 4_096 }, () => {
  const { port } = server.address() as net.AddressInfo; // not a pipe, so the address is an object
  const addresses = Array.from(
    { length: instances },
    (_, at) => `127.1.${Math.floor(at / PER_NETWORK)}.${(at % PER_NETWORK) + 1}:${port}`,
  );
  process.stdout.write(`${JSON.stringify(addresses)}\n`);
});
process.stdin.resume().once('end', () => process.exit());
