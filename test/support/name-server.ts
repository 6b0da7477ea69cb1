/**
 * A name server: answers for the names of a hosts file, and that there is no other name.
 *
 * A program of its own, since it must run in the network that asks it: `node name-server.ts HOSTS`.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';

/** @see https://www.rfc-editor.org/rfc/rfc1035#section-4.1 */
const HEADER_BYTES = 12;
const TYPE_A = 1;
const NO_SUCH_NAME = 3;

const addresses = new Map(
  readFileSync(process.argv[2]!, 'utf8') // the argument above
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([address = '', name = '']) => [name, address.split('.').map(Number)]),
);

function answerTo(query: Buffer): Buffer {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = query.subarray(HEADER_BYTES, at + 5);
  const address = addresses.get(labels.join('.').toLowerCase());
  const isAsked = address !== undefined && query.readUInt16BE(at + 1) === TYPE_A;
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (address === undefined ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(isAsked ? 1 : 0, 6);
  if (!isAsked) return Buffer.concat([header, question]);
  const record = [0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, ...address];
  return Buffer.concat([header, question, Buffer.from(record)]);
}

const socket = createSocket('udp4');
socket.on('message', (query, { port, address }) => socket.send(answerTo(query), port, address));
socket.bind(53, '127.0.0.1', () => process.stdout.write('ready\n'));
