/**
 * Why Redis has not kept pushes, in the words of the journal.
 */
import { JournalError } from '../push/record.ts';
import { isReply } from './channel-error.ts';
import { UnansweredError } from './redis-session.ts';

/** @param error - of a session, of the server, or one of the journal's own */
export function journalError(error: unknown): JournalError {
  if (error instanceof JournalError) return error;
  if (error instanceof UnansweredError) return unanswered(error);
  const words = error instanceof Error ? error.message.slice(0, MAX_LENGTH) : String(error);
  if (!isReply(error)) return new JournalError('unreachable', `Redis: ${words}`, { cause: error });
  if (/\bOOM command not allowed\b/.test(words)) {
    return new JournalError('full', `Redis has reached its maxmemory: raise it (${words})`);
  }
  if (/\b(?:NOPERM|NOAUTH|WRONGPASS)\b|can't run this command|can't access/.test(words)) {
    const advice = 'grant the user of redis.url the commands and keys that docs/push.md names';
    return new JournalError('denied', `Redis lets promgate keep no pushes: ${advice} (${words})`);
  }
  if (/^MOVED\b/.test(words)) {
    const advice = 'name a server that has all slots in redis.url';
    return new JournalError('refused', `Redis is a cluster of several servers: ${advice}`);
  }
  return new JournalError('refused', `Redis refuses to keep pushes: ${words}`, { cause: error });
}

const MAX_LENGTH = 300;

function unanswered(error: UnansweredError): JournalError {
  if (!error.wasSent) return new JournalError('unreachable', 'Redis is away', { cause: error });
  const message = 'Redis gave no answer in time: nobody knows whether it has kept the push';
  return new JournalError('timeout', message, { cause: error });
}
