/**
 * The journal on disk: a file of SQLite, which a thread of its own writes, since a commit waits for
 * the disk.
 *
 * The thread is asked one thing at a time. If the thread ends, what was asked fails, and the next
 * task starts another thread. If the disk does not answer in time, everything fails until it does.
 *
 * Measured: a commit of 320 records of 4 numbers takes the main thread 60 us of CPU in all.
 */
import { Worker } from 'node:worker_threads';
import { sleep, systemTimers, type Timers } from '../clock.ts';
import {
  type Journal,
  JournalError,
  type Stale,
  type StoredTenant,
  type TenantChanges,
  type TenantUpdate,
} from '../push/record.ts';
import { packChanges } from './push-journal-changes.ts';
import { type Chunk, readChunk, type TenantSoFar } from './push-journal-chunk.ts';
import { journalError } from './push-journal-failure.ts';
import type { JournalAnswer, JournalTask, WorkerSettings } from './push-journal-worker.ts';

/** Longer than any disk that is in order takes, also for a first look at a large file. */
const ANSWER_MS = 30_000;
/** How long disposal waits for the disk. */
const CLOSE_MS = 4000;
const MAX_HEAP_MIB = 128;
const PROGRAM = new URL('./push-journal-worker.ts', import.meta.url);

export interface DiskJournalOptions {
  /** The path of the file, which is made if it is not there. Only this journal may open the file. */
  readonly file: string;
  readonly timers?: Timers | undefined;
  /** The program of the thread; tests pass their own. */
  readonly program?: URL | undefined;
}

interface Thread {
  readonly worker: Worker;
  readonly exited: Promise<void>;
  /** Settles the task under way. */
  settle: (answer: JournalAnswer | JournalError) => void;
  /** Whether a task has failed by its deadline, and its answer is still to come. */
  isLate: boolean;
}

/** @throws {JournalError} when the file cannot be used; the message tells the operator what to do */
export async function openDiskJournal(options: DiskJournalOptions): Promise<DiskJournal> {
  await using parts = new AsyncDisposableStack();
  const journal = parts.use(new DiskJournal(options));
  await journal.open();
  parts.move();
  return journal;
}

export class DiskJournal implements Journal {
  readonly durability = 'disk';
  readonly #file: string;
  readonly #timers: Timers;
  readonly #program: URL;
  #thread: Thread | undefined;
  /** Resolves when no thread has the file open any more. */
  #noThread: Promise<void> = Promise.resolve();
  /** Settles when the call under way, and all that wait for it, have ended. */
  #calls: Promise<unknown> = Promise.resolve();
  #wasOpen = false;
  #isDisposed = false;

  constructor({ file, timers = systemTimers, program = PROGRAM }: DiskJournalOptions) {
    this.#file = file;
    this.#timers = timers;
    this.#program = program;
  }

  /** @throws {JournalError} when the file cannot be used */
  async open(): Promise<void> {
    await this.#inTurn(() => this.#ask({ kind: 'open' }));
    this.#wasOpen = true;
  }

  load(): Promise<readonly StoredTenant[]> {
    return this.#inTurn(() => this.#read(undefined));
  }

  async commit(changes: readonly TenantChanges[]): Promise<readonly Stale[]> {
    const { pack, numbers } = packChanges(changes); // at once: see `Journal`
    await this.#inTurn(() => this.#ask({ kind: 'commit', pack, numbers }, [pack]));
    return [];
  }

  async reload(tenant: string): Promise<TenantUpdate | undefined> {
    const [stored] = await this.#inTurn(() => this.#read(tenant));
    if (!stored) return undefined;
    const { records: created, ...rest } = stored;
    return { ...rest, created, changed: [], removed: [], isWhole: true };
  }

  async changedElsewhere(): Promise<readonly string[]> {
    return []; // the file belongs to this process alone
  }

  /** Ends the commit under way, and closes the file. What waits fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const thread = this.#thread;
    if (!thread) return;
    thread.worker.postMessage({ kind: 'close' } satisfies JournalTask);
    const ended = new AbortController();
    await Promise.race([thread.exited, sleep(CLOSE_MS, ended.signal)]);
    ended.abort();
    if (this.#thread !== thread) return;
    thread.worker.unref(); // a disk that hangs does not keep the process alive
    void thread.worker.terminate();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#calls;
    const turn = before.then(work);
    this.#calls = turn.catch(() => undefined); // the caller is told
    return turn;
  }

  async #read(tenant: string | undefined): Promise<TenantSoFar[]> {
    const tenants: TenantSoFar[] = [];
    let next: Promise<Chunk> | undefined = this.#askChunk({ kind: 'read', tenant });
    while (next) {
      const chunk: Chunk = await next;
      next = chunk.isLast ? undefined : this.#askChunk({ kind: 'read-on' }); // while this one is read
      try {
        readChunk(chunk, tenants);
      } catch (cause) {
        await next?.catch(() => undefined);
        throw journalError('damaged', this.#file, cause);
      }
    }
    return tenants;
  }

  async #askChunk(task: JournalTask & { readonly kind: 'read' | 'read-on' }): Promise<Chunk> {
    return (await this.#ask(task))!; // each such task has a chunk as its answer
  }

  /** One task at a time. */
  async #ask(task: JournalTask, transfer: readonly ArrayBuffer[] = []): Promise<Chunk | undefined> {
    await this.#noThread;
    if (this.#isDisposed) throw journalError('ended', this.#file, 'promgate stops');
    this.#thread ??= this.#start();
    const thread = this.#thread;
    if (thread.isLate) throw journalError('timeout', this.#file);
    const answer = await new Promise<JournalAnswer>((resolve, reject) => {
      const cancel = this.#timers.after(ANSWER_MS, () => {
        thread.isLate = true;
        thread.settle(journalError('timeout', this.#file, `no answer in ${ANSWER_MS} ms`));
      });
      thread.settle = (settled) => {
        cancel();
        if (settled instanceof JournalError) reject(settled);
        else resolve(settled);
      };
      thread.worker.postMessage(task, transfer);
    });
    if (answer.failure !== undefined) throw new JournalError(answer.failure, answer.message);
    return answer.chunk;
  }

  #start(): Thread {
    const settings: WorkerSettings = { file: this.#file, mayCreate: !this.#wasOpen };
    const worker = new Worker(this.#program, {
      workerData: settings,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const thread: Thread = { worker, exited, settle: () => undefined, isLate: false };
    const end = (cause?: unknown): void => {
      if (this.#thread === thread) this.#thread = undefined;
      thread.settle(journalError('ended', this.#file, cause));
    };
    this.#noThread = Promise.resolve();
    worker.on('message', (answer: JournalAnswer) => {
      if (thread.isLate) thread.isLate = false;
      else thread.settle(answer);
    });
    worker.on('error', (cause) => {
      this.#noThread = exited; // the file is closed when the thread has ended
      end(cause);
    });
    worker.on('exit', () => end());
    return thread;
  }
}
