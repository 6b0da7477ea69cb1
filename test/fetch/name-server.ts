/** A name server for one test: gives the addresses of a table, by UDP. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';

export interface NameServer extends AsyncDisposable {
  /** `address:port` */
  readonly address: string;
  readonly asked: readonly string[];
}

/** `hang`: no answer at all. A name that is not there does not exist. */
export type Names = Readonly<Record<string, readonly string[] | 'hang'>>;

const TYPE_A = 1;
const NO_SUCH_NAME = 3;

export async function startNameServer(names: Names): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query: Buffer, { port, address }: RemoteInfo) => {
    const { name, end } = readName(query);
    const isA = query.readUInt16BE(end) === TYPE_A;
    asked.push(name);
    const found = names[name];
    if (found === 'hang') return;
    const ofType = (found ?? []).filter((one) => isIP(one) === (isA ? 4 : 6));
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | (found ? 0 : NO_SUCH_NAME), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(ofType.length, 6);
    const answers = ofType.map((one) => record(one));
    socket.send(Buffer.concat([head, query.subarray(12, end + 4), ...answers]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** @returns the name in lower case, and where it ends */
function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** An answer for the name that was asked for, valid for 0 s. */
function record(address: string): Buffer {
  const is4 = isIP(address) === 4;
  const data = is4 ? Buffer.from(address.split('.').map(Number)) : bytesOf(address);
  const head = Buffer.from([0xc0, 12, 0, is4 ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, data.length]);
  return Buffer.concat([head, data]);
}

/** @param address - written with all its eight parts */
function bytesOf(address: string): Buffer {
  const data = Buffer.alloc(16);
  for (const [at, part] of address.split(':').entries()) {
    data.writeUInt16BE(Number.parseInt(part, 16), at * 2);
  }
  return data;
}
