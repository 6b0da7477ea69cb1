/**
 * A reader that asks for the same page at a fixed rate, whatever the answers take, in a process of
 * its own.
 *
 * `node steady-reader.ts '{"port":4001,"path":"/…","perSecond":2000,"seconds":10}'` prints one line
 * of JSON: how long each request took from the time at which it was due, in milliseconds.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface SteadyReaderOptions {
  readonly port: number;
  readonly path: string;
  readonly perSecond: number;
  readonly seconds: number;
}

/** More than are ever needed at once, unless promgate stalls for a tenth of a second. */
const CONNECTIONS = 200;

const options = JSON.parse(process.argv[2] ?? '{}') as SteadyReaderOptions;
const { port, path, perSecond, seconds } = options;
const head = `GET ${path} HTTP/1.1\r\nHost: promgate\r\nAccept-Encoding: gzip\r\n\r\n`;
const free: Connection[] = [];
const tookMs: number[] = [];

class Connection {
  readonly #socket: Socket;
  #dueMs = 0;
  #left = -1;
  #text = '';

  constructor(socket: Socket) {
    this.#socket = socket.on('data', (data: Buffer) => this.#read(data));
    free.push(this);
  }

  ask(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#left = -1;
    this.#text = '';
    this.#socket.write(head);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    if (this.#left < 0) {
      this.#text += data.toString('latin1');
      const end = this.#text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1];
      if (!this.#text.startsWith('HTTP/1.1 200') || length === undefined) {
        throw new Error(`not a kept page: ${this.#text.slice(0, 500)}`);
      }
      this.#left = Number(length) - (this.#text.length - end - 4);
    } else {
      this.#left -= data.length;
    }
    if (this.#left > 0) return;
    tookMs.push(performance.now() - this.#dueMs);
    free.push(this);
  }
}

for (let count = 0; count < CONNECTIONS; count++) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  new Connection(socket);
}
const connections = [...free];
const startMs = performance.now();
const count = perSecond * seconds;
for (let asked = 0; asked < count; ) {
  const dueMs = startMs + (asked * 1_000) / perSecond;
  const connection = performance.now() >= dueMs ? free.pop() : undefined;
  if (connection) {
    connection.ask(dueMs);
    asked++;
  } else {
    await delay(1);
  }
}
while (tookMs.length < count) await delay(10);
for (const one of connections) one.end();
process.stdout.write(`${JSON.stringify(tookMs)}\n`);
