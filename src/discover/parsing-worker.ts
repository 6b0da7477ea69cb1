/**
 * Parses what is too large for the main thread in a worker that then ends.
 *
 * Bytes go to the worker and come back as transferred buffers, which costs no copy. A worker has the
 * bound on memory of the process, and reaches it alone, but for a single call such as `JSON.parse`,
 * which V8 cannot interrupt.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { Listing } from './listing.ts';
import { SourceError, type SourceFault } from './source-error.ts';

/** What a worker is given, or gives back. */
interface Parcel {
  readonly blocks: Listing['blocks'];
}

type Answer<A> = A | { readonly fault: SourceFault; readonly message: string };

/**
 * Starts the program of a worker, and waits for its answer.
 *
 * @param program - a file that calls `answerTask`
 * @param task - its blocks are transferred: use them no more
 * @throws {SourceError} what the program threw; 'too-large' if its memory did not suffice
 */
export async function parseInWorker<A extends Parcel>(
  program: URL,
  task: Parcel,
  signal: AbortSignal,
): Promise<A> {
  const worker = new Worker(program, {
    workerData: task,
    transferList: task.blocks.map(({ buffer }) => buffer),
  });
  const exited = once(worker, 'exit');
  try {
    const [answer] = (await Promise.race([
      once(worker, 'message', { signal }),
      exited.then(([code]) => {
        throw new SourceError('internal', `the worker that parses ended with code ${code}`);
      }),
    ])) as [Answer<A>];
    if ('fault' in answer) throw new SourceError(answer.fault, answer.message);
    return answer;
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    throw new SourceError('too-large', 'it needs more memory to parse than there is', {
      cause: error,
    });
  } finally {
    await worker.terminate();
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

/** The program of a worker: parses its task, and posts the answer or why there is none. */
export function answerTask<T extends Parcel>(parse: (task: T) => Parcel): void {
  const answer = attempt(parse, workerData as T); // as `parseInWorker` was called with it
  const blocks = 'blocks' in answer ? answer.blocks : [];
  parentPort?.postMessage(
    answer,
    blocks.map(({ buffer }) => buffer),
  );
}

function attempt<T extends Parcel>(parse: (task: T) => Parcel, task: T): Answer<Parcel> {
  try {
    return parse(task);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error; // ends the worker, with a report
    return { fault: error.fault, message: error.message };
  }
}
