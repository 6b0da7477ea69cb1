/**
 * The program of the thread that writes the disk's journal.
 *
 * `push-journal-disk.ts` starts and ends the thread, and asks one thing at a time. Like `main.ts`,
 * this file works when it is loaded. An error that is no failure of file or disk is a fault of the
 * program: it ends the thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { JournalError, type JournalFailure } from '../push/record.ts';
import type { Chunk } from './push-journal-chunk.ts';
import { JournalFile } from './push-journal-file.ts';
import { bytesOf } from './push-journal-pack.ts';
import { StoredRecords } from './push-journal-sqlite.ts';

export interface WorkerSettings {
  readonly file: string;
  readonly mayCreate: boolean;
}

/** What the thread is asked. */
export type JournalTask =
  | { readonly kind: 'open' }
  | { readonly kind: 'commit'; readonly pack: ArrayBuffer; readonly numbers: number }
  | { readonly kind: 'read'; readonly tenant: string | undefined }
  | { readonly kind: 'read-on' }
  | { readonly kind: 'close' };

/** The thread answers each task in order. */
export type JournalAnswer =
  | { readonly failure: undefined; readonly chunk: Chunk | undefined }
  | { readonly failure: JournalFailure; readonly message: string };

/** After this time without a commit, the log is folded into the tables. */
const IDLE_MS = 1000;

const { file: path, mayCreate } = workerData as WorkerSettings;
const file = new JournalFile(path, mayCreate);
const records = new StoredRecords(path, file);
let idle: NodeJS.Timeout | undefined;
let slice: NodeJS.Immediate | undefined;
/** A failure to fold, which the next commit tells. */
let failed: JournalError | undefined;

function fold(): void {
  slice = undefined;
  try {
    if (records.foldSlice())
      slice = setImmediate(fold); // tasks come between two slices
    else file.checkpoint('passive');
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    if (error.failure !== 'full') failed = error; // on a full disk the next commit fails by itself
  }
}

function commit(pack: ArrayBuffer, numbers: number): void {
  const error = failed;
  failed = undefined;
  if (error) throw error;
  if (records.commit(pack, numbers)) slice ??= setImmediate(fold);
  if (idle) idle.refresh();
  else {
    idle = setTimeout(() => {
      slice ??= setImmediate(fold);
    }, IDLE_MS);
  }
}

function work(task: JournalTask): Chunk | undefined {
  switch (task.kind) {
    case 'open':
      records.open();
      return undefined;
    case 'commit':
      commit(task.pack, task.numbers);
      return undefined;
    case 'read':
      records.beginReading(task.tenant === undefined ? undefined : bytesOf(task.tenant));
      return records.readOn();
    case 'read-on':
      return records.readOn();
    case 'close':
      clearTimeout(idle);
      clearImmediate(slice);
      file[Symbol.dispose]();
      return undefined;
  }
}

function answerTo(task: JournalTask): JournalAnswer {
  try {
    return { failure: undefined, chunk: work(task) };
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    return { failure: error.failure, message: error.message };
  }
}

parentPort?.on('message', (task: JournalTask) => {
  const answer = answerTo(task);
  const chunk = answer.failure === undefined ? answer.chunk : undefined;
  parentPort?.postMessage(answer, chunk ? [chunk.pack] : []);
  if (task.kind === 'close') parentPort?.close(); // nothing else keeps the thread alive
});
