/**
 * The program of the thread that talks to Kafka: it prints events, and sends them.
 *
 * `kafka-thread.ts` starts and ends the thread. Like `main.ts`, this file works when it is loaded.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type KafkaClient, type KafkaSettings, openKafka } from './kafka.ts';
import { printEvent, type RequestEvent } from './request-event.ts';
import { type SendFailure, sendError } from './send-error.ts';

/** What the thread is asked for: to send events, or, without any, to check the connection. */
export interface Task {
  readonly id: number;
  readonly events: readonly RequestEvent[];
}

/** What the thread posts: how a task ended, or a line of the client library's log. */
export type WorkerMessage =
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly failure?: { readonly failure: SendFailure; readonly message: string };
    }
  | { readonly kind: 'line'; readonly message: string };

const post = (message: WorkerMessage): void => parentPort?.postMessage(message);

let client: Promise<KafkaClient> | undefined;

async function run({ id, events }: Task): Promise<void> {
  try {
    client ??= openKafka(workerData as KafkaSettings, (message) => post({ kind: 'line', message }));
    const opened = await client;
    await (events.length === 0 ? opened.check() : opened.send(events.map(printEvent)));
    post({ kind: 'done', id });
  } catch (error) {
    const { failure, message } = sendError(error);
    post({ kind: 'done', id, failure: { failure, message } });
  }
}

parentPort?.on('message', (task: Task) => void run(task));
