/**
 * The client of Kafka in a thread of its own.
 *
 * Whatever the client does, such as to hang, to throw or to take memory, it ends neither the process
 * nor a request: promgate waits for an answer up to a deadline, and ends the thread at every
 * failure but a refusal. The next task starts another thread, which connects anew.
 */
import { Worker } from 'node:worker_threads';
import type { KafkaSettings, OnLine } from './kafka.ts';
import type { Task, WorkerMessage } from './kafka-worker.ts';
import type { RequestEvent } from './request-event.ts';
import type { Transport } from './request-events.ts';
import { SendError } from './send-error.ts';

/** Longer than the client's own deadlines together. */
const ANSWER_MS = 20_000;
const MAX_HEAP_MIB = 128;

interface Thread {
  readonly worker: Worker;
  /** Settles the task under way. */
  settle: (error?: SendError) => void;
}

/** Whether the brokers have answered, so that the client works. */
function isAnswer(error: unknown): boolean {
  return error instanceof SendError && error.failure === 'refused';
}

export class KafkaThread implements Transport {
  readonly #settings: KafkaSettings;
  readonly #onLine: OnLine;
  #thread: Thread | undefined;
  #ids = 0;
  #isDisposed = false;

  constructor(settings: KafkaSettings, onLine: OnLine) {
    this.#settings = settings;
    this.#onLine = onLine;
  }

  check(): Promise<void> {
    return this.#ask([]);
  }

  send(events: readonly RequestEvent[]): Promise<void> {
    return this.#ask(events);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#end(new SendError('timeout', 'promgate stops'));
  }

  /** One task at a time. */
  async #ask(events: readonly RequestEvent[]): Promise<void> {
    if (this.#isDisposed) throw new SendError('timeout', 'promgate stops');
    this.#thread ??= this.#start();
    const thread = this.#thread;
    const task: Task = { id: ++this.#ids, events };
    const late = setTimeout(
      () => thread.settle(new SendError('timeout', `no answer within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    try {
      await new Promise<void>((resolve, reject) => {
        thread.settle = (error) => (error ? reject(error) : resolve());
        thread.worker.postMessage(task);
      });
    } catch (error) {
      if (!isAnswer(error)) await this.#end();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  #start(): Thread {
    const worker = new Worker(new URL('./kafka-worker.ts', import.meta.url), {
      workerData: this.#settings,
      env: {}, // the client library reads settings of its own from the environment
      execArgv: ['--disable-warning=TimeoutNegativeWarning'], // the library causes it by design
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
    const thread: Thread = { worker, settle: () => undefined };
    worker.unref(); // a thread that waits for events does not keep the process alive
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'line') this.#onLine(message.message);
      else if (message.id === this.#ids) {
        const { failure } = message;
        thread.settle(failure && new SendError(failure.failure, failure.message));
      }
    });
    worker.on('error', (cause) => {
      thread.settle(new SendError('crashed', 'the client of Kafka failed', { cause }));
      if (this.#thread === thread) this.#thread = undefined; // the thread ends by itself
    });
    worker.on('exit', () => {
      thread.settle(new SendError('crashed', 'the thread of the client of Kafka ended'));
      if (this.#thread === thread) this.#thread = undefined;
    });
    for (const output of [worker.stdout, worker.stderr]) {
      output.on('data', (text) => this.#onLine(String(text).trim()));
    }
    return thread;
  }

  async #end(error?: SendError): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    if (!thread) return;
    if (error) thread.settle(error);
    await thread.worker.terminate();
  }
}
