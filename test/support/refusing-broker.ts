/**
 * A Kafka broker that answers with error codes: ApiVersions 0, Metadata 1 and Produce 3, of one topic
 * `log-topic` with one partition, as bytes.
 */
import { type AddressInfo, createServer, type Server } from 'node:net';

export function short(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) bytes.writeInt16BE(value, 2 * index);
  return bytes;
}

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function text(value: string): Buffer {
  return Buffer.concat([short(value.length), Buffer.from(value)]);
}

/** A broker that answers with the given error codes of the protocol. */
export function refusingBroker({
  topic = 0,
  produce = 0,
}: {
  topic?: number;
  produce?: number;
}): Server {
  const [produceKey, metadata, apiVersions] = [0, 3, 18];
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // the client cuts it
    socket.on('data', (request) => {
      const { port } = server.address() as AddressInfo; // it listens on TCP
      const bodies = new Map([
        [apiVersions, [short(0), int(2), short(metadata!, 1, 1), short(produceKey!, 3, 3)]],
        [
          metadata,
          [
            ...[int(1), int(1), text('127.0.0.1'), int(port), short(-1), int(1)],
            ...[int(1), short(topic), text('log-topic'), Buffer.of(0)],
            ...(topic === 0 ? [int(1), short(0), int(0), int(1), int(0), int(0)] : [int(0)]),
          ],
        ],
        [
          produceKey,
          [
            ...[int(1), text('log-topic'), int(1), int(0), short(produce)],
            ...[Buffer.alloc(8), Buffer.alloc(8), int(0)],
          ],
        ],
      ]);
      const body = Buffer.concat(bodies.get(request.readInt16BE(4)) ?? []);
      socket.write(Buffer.concat([int(4 + body.length), request.subarray(8, 12), body]));
    });
  });
  return server;
}
