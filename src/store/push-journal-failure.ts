/**
 * What errors of SQLite and of the file system mean for the disk's journal, in words that tell the
 * operator what to do.
 */
import { JournalError, type JournalFailure } from '../push/record.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html */
const SQLITE_FAILURES: Readonly<Record<number, DiskFailure>> = {
  3: 'denied', // PERM
  5: 'locked', // BUSY
  6: 'locked', // LOCKED
  8: 'denied', // READONLY
  10: 'unreachable', // IOERR
  11: 'damaged', // CORRUPT
  13: 'full', // FULL
  14: 'unreachable', // CANTOPEN
  19: 'damaged', // CONSTRAINT: a record is there twice
  26: 'damaged', // NOTADB
};

/** An extended result code: IOERR_SHORT_READ, of a file that is shorter than it says. */
const SHORT_READ = 522;

const SYSTEM_FAILURES: Readonly<Record<string, DiskFailure>> = {
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  ENOSPC: 'full',
  EDQUOT: 'full',
};

/** What can fail on disk. */
type DiskFailure = Exclude<JournalFailure, 'refused' | 'unreplicated' | 'too_large'>;

/** What the operator can do; `$` is the file. */
const ADVICE: Readonly<Record<DiskFailure, string>> = {
  full: 'the disk of $ is full: free space; until then promgate refuses pushes',
  locked:
    'another process has $ open, perhaps a second promgate: end that process, or give each ' +
    'promgate a file of its own',
  denied:
    'promgate may not write $, or files beside it: let its user write the file and its folder',
  missing: '$ is not there: put the file, or its backup, back, or correct its path',
  damaged:
    '$ is damaged: put a backup in its place, or move the file and its "-wal" away and restart ' +
    'promgate, which then begins with nothing',
  newer: '$ was written by a later promgate: run that version, or name another file',
  unreachable: 'the disk of $ fails: see to the disk and its mount',
  timeout: 'the disk of $ does not answer: see to the disk and its mount',
  ended: 'the thread that writes $ has ended; the next push starts it anew',
};

/** @param cause - a reason for the message, or an error that has the reason */
export function journalError(failure: DiskFailure, file: string, cause?: unknown): JournalError {
  const advice = ADVICE[failure].replaceAll('$', () => file);
  if (cause === undefined) return new JournalError(failure, advice);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new JournalError(failure, `${advice} (${reason})`, { cause });
}

/** @returns the error as a `JournalError`; anything but a failure of file or disk as it is */
export function asJournalError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error instanceof JournalError) return error;
  const failure = failureOf(error);
  return failure ? journalError(failure, file, error) : error;
}

function failureOf(error: Error): DiskFailure | undefined {
  if ('errcode' in error) {
    const code = Number(error.errcode);
    return code === SHORT_READ ? 'damaged' : (SQLITE_FAILURES[code & 0xff] ?? 'unreachable');
  }
  if (!('syscall' in error) || !('code' in error)) return undefined;
  return SYSTEM_FAILURES[String(error.code)] ?? 'unreachable';
}
