/**
 * The tries of receivers of remote write: each gets a request without samples, so nothing stays.
 */
import type { Config } from '../../config/config.ts';
import { openPost } from '../../push/send/got.ts';
import { type Answer, judge } from '../../push/send/remote-write-answer.ts';
import { type Post, PostError, REMOTE_WRITE_HEADERS } from '../../push/send/remote-write-send.ts';
import { VERSION } from '../../version.ts';
import type { Ground } from '../ground.ts';
import { REFUSAL_ADVICE, RETRY_ADVICE } from '../remote-write.ts';
import { type Try, TryError, type TryResult } from './try.ts';

type ProtocolVersion = 1 | 2;

export function remoteWriteTries(
  { push }: Pick<Config, 'push'>,
  ground: Pick<Ground, 'authorities'>,
): Try[] {
  return (push?.remoteWrite ?? []).map((remote) => ({
    name: `remote write ${remote.name}`,
    run: async (signal) => {
      using poster = openPost({ ...remote, authorities: ground.authorities });
      return await ask(poster.post, remote.version, signal);
    },
  }));
}

/** Messages without samples in snappy's block format; that of 2.0 has the empty symbol only. */
const EMPTY: Readonly<Record<ProtocolVersion, Buffer>> = {
  1: Buffer.from([0]),
  2: Buffer.from([2, 4, 0x22, 0]),
};

async function ask(post: Post, version: ProtocolVersion, signal: AbortSignal): Promise<TryResult> {
  const own = { 'content-encoding': 'snappy', 'user-agent': `promgate/${VERSION}` };
  const answer = await posted(() =>
    post(EMPTY[version], { ...REMOTE_WRITE_HEADERS[version], ...own }, signal),
  );
  const verdict = judge(answer, version, 0, Date.now());
  const told = `answered ${answer.status} in protocol ${version}.0: ${answer.text}`;
  switch (verdict.kind) {
    case 'written':
      return { state: 'ok', said: `takes protocol ${version}.0 (status ${answer.status})` };
    case 'older':
    case 'perhaps-older':
      return ask(post, 1, signal);
    case 'retry':
      throw new TryError(told, RETRY_ADVICE[verdict.cause]);
    case 'split':
      return { state: 'warn', said: told, advice: 'it was reached, but refuses an empty request' };
    case 'lost':
      throw new TryError(told, REFUSAL_ADVICE[verdict.refusal]);
  }
}

async function posted(post: () => Promise<Answer>): Promise<Answer> {
  try {
    return await post();
  } catch (error) {
    if (!(error instanceof PostError)) throw error;
    throw new TryError(error.message, RETRY_ADVICE[error.failure], { cause: error });
  }
}
