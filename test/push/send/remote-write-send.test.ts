/** The rules for senders of remote write, one by one, against a receiver that is a function. */
import assert from 'node:assert/strict';
import type { Clock } from '../../../src/clock.ts';
import type { Answer } from '../../../src/push/send/remote-write-answer.ts';
import type { Batch, BatchSample } from '../../../src/push/send/remote-write-batch.ts';
import {
  type Post,
  PostError,
  Sender,
  type SenderOptions,
} from '../../../src/push/send/remote-write-send.ts';
import { readFirst, readSecond } from '../../support/remote-message.ts';
import { type SeenRemote, seeRemote } from './remote.ts';

const FAMILY = { type: 'counter', help: '', unit: '' } as const;
const WALL_MS = Date.UTC(2026, 0, 1);

function batchOf(count: number): Batch {
  const samples = Array.from({ length: count }, (_, at): BatchSample => {
    const labels = ['__name__', 'jobs_total', 'job', `${at}`];
    return { labels, family: FAMILY, value: at, createdMs: 0 };
  });
  return { atMs: 1000, samples };
}

interface Sent {
  readonly version: 1 | 2;
  /** The values of the label `job`. */
  readonly jobs: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

interface Scene extends SeenRemote {
  readonly sender: Sender;
  readonly requests: Sent[];
  readonly pausesMs: number[];
  send(count: number): Promise<Batch | undefined>;
  readonly bad: string[];
}

type Answers = (sent: Sent, at: number) => Partial<Answer> | Error;

function scene(answers: Answers, options: Partial<SenderOptions> = {}): Scene {
  const seen = seeRemote();
  const requests: Sent[] = [];
  const pausesMs: number[] = [];
  const bad: string[] = [];
  const post: Post = async (body, headers) => {
    const version = headers['x-prometheus-remote-write-version'] === '2.0.0' ? 2 : 1;
    const { series } = version === 2 ? readSecond(body) : readFirst(body);
    const sent = { version, jobs: series.map(({ labels }) => labels['job']!), headers } as const;
    requests.push(sent);
    const answer = answers(sent, requests.length - 1);
    if (answer instanceof Error) throw answer;
    return { status: 204, headers: {}, text: '', ...answer };
  };
  const clock: Clock = {
    nowMs: () => 0,
    sleep: async (ms) => void pausesMs.push(ms),
  };
  const sender = new Sender({
    ...{ post, version: 2, userAgent: 'promgate/test', clock, wallMs: () => WALL_MS },
    ...{ random: () => 0.5, mayWrite: () => true },
    ...seen,
    ...options,
  });
  const { signal } = new AbortController();
  const send = (count: number) =>
    sender.send(batchOf(count), signal, ({ labels }) => bad.push(labels[3]!));
  return Object.assign(seen, { sender, requests, pausesMs, send, bad });
}

const written = (samples: number) => ({
  'x-prometheus-remote-write-samples-written': `${samples}`,
});

const takes = ({ version, jobs }: Sent): Partial<Answer> => ({
  status: 204,
  headers: version === 2 ? written(jobs.length) : {},
});

describe('sender of remote write', () => {
  it('sends the headers of protocol 2.0', async () => {
    const { requests, send } = scene(takes);
    await send(1);

    assert.deepEqual(requests[0]?.headers, {
      'content-encoding': 'snappy',
      'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      'user-agent': 'promgate/test',
      'x-prometheus-remote-write-version': '2.0.0',
    });
  });

  it('sends the headers of protocol 1.0', async () => {
    const { requests, send } = scene(takes, { version: 1 });
    await send(1);

    assert.deepEqual(requests[0]?.headers, {
      'content-encoding': 'snappy',
      'content-type': 'application/x-protobuf',
      'user-agent': 'promgate/test',
      'x-prometheus-remote-write-version': '0.1.0',
    });
  });

  for (const status of [200, 202, 204, 299]) {
    it(`takes ${status} for a success, whatever the body says`, async () => {
      const all = scene((sent) => ({ ...takes(sent), status, text: 'error: not stored' }));
      await all.send(3);

      assert.equal(all.requests.length, 1);
      assert.equal(all.sent, 3);
      assert.deepEqual(all.lines, []);
    });
  }

  const refusals = {
    401: 'unauthorized',
    403: 'unauthorized',
    404: 'not_found',
    405: 'not_found',
    422: 'status',
    301: 'redirect',
    307: 'redirect',
    777: 'status',
  };
  for (const [status, reason] of Object.entries(refusals)) {
    it(`does not send again after ${status}`, async () => {
      const all = scene(() => ({ status: Number(status), text: 'no' }));
      await all.send(3);

      assert.equal(all.requests.length, 1);
      assert.deepEqual(all.lines, [`lost 3 ${reason} ${status} no`]);
    });
  }

  it('sends one bad sample at most twice, and says what the receiver said', async () => {
    const all = scene(() => ({ status: 400, text: 'label name "a-b" is not valid\n' }));
    await all.send(1);

    assert.deepEqual(
      all.requests.map(({ version }) => version),
      [2, 1],
    );
    assert.deepEqual(all.lines, ['lost 1 refused 400 label name "a-b" is not valid']);
    assert.equal(all.sender.version, 2);
  });

  const retried = {
    408: 'timeout',
    429: 'rate_limited',
    500: 'server_error',
    501: 'server_error',
    502: 'server_error',
    503: 'server_error',
    504: 'server_error',
    599: 'server_error',
  };
  for (const [status, cause] of Object.entries(retried)) {
    it(`sends again after ${status}`, async () => {
      const all = scene((sent, at) => (at < 2 ? { status: Number(status) } : takes(sent)));
      await all.send(3);

      assert.deepEqual(all.lines, Array(2).fill(`retry 3 ${cause} ${status}`));
      assert.deepEqual(
        all.requests.map(({ headers }) => headers['retry-attempt']),
        [undefined, '1', '2'],
      );
      assert.equal(all.sent, 3);
    });
  }

  it('sends again after failures of the network', async () => {
    const all = scene((sent, at) =>
      at < 2 ? new PostError('unreachable', 'connect ECONNREFUSED') : takes(sent),
    );
    await all.send(1);

    assert.deepEqual(all.lines, Array(2).fill('retry 1 unreachable undefined'));
    assert.equal(all.sent, 1);
  });

  it('pauses for longer and longer, up to 5 s', async () => {
    const all = scene((sent, at) => (at < 12 ? { status: 503 } : takes(sent)));
    await all.send(1);

    assert.deepEqual(
      all.pausesMs,
      [30, 60, 120, 240, 480, 960, 1920, 3840, 5000, 5000, 5000, 5000],
    );
  });

  it('varies pauses by a tenth', async () => {
    for (const [random, pauseMs] of [
      [0, 27],
      [0.75, 31.5],
    ] as const) {
      const all = scene((sent, at) => (at < 1 ? { status: 503 } : takes(sent)), {
        random: () => random,
      });
      await all.send(1);

      assert.deepEqual(
        all.pausesMs.map((ms) => Math.round(ms * 100) / 100),
        [pauseMs],
      );
    }
  });

  const pauses: readonly (readonly [header: string, ms: number])[] = [
    ['7', 7000],
    ['0', 30],
    ['100000', 60_000],
    [new Date(WALL_MS + 9000).toUTCString(), 9000],
    [new Date(WALL_MS - 9000).toUTCString(), 30],
    [new Date(WALL_MS + 9e9).toUTCString(), 60_000],
    ['soon', 30],
    ['-5', 30],
    ['', 30],
    ['1e9', 30],
  ];
  for (const [header, ms] of pauses) {
    it(`pauses for ${ms} ms when asked for ${JSON.stringify(header)}`, async () => {
      const headers = { 'retry-after': header };
      const all = scene((sent, at) => (at < 1 ? { status: 429, headers } : takes(sent)));
      await all.send(1);

      assert.deepEqual(all.pausesMs, [ms]);
    });
  }

  it('falls back to protocol 1.0 after 415, and remembers it', async () => {
    const all = scene(({ version }) => ({ status: version === 2 ? 415 : 204 }));
    await all.send(2);
    await all.send(2);

    assert.deepEqual(
      all.requests.map(({ version }) => version),
      [2, 1, 1],
    );
    assert.deepEqual(all.lines, ['fallback 415']);
    assert.equal(all.sent, 4);
  });

  it('falls back when a receiver takes a message and says nothing of samples', async () => {
    const all = scene(() => ({ status: 204 }));
    await all.send(2);
    await all.send(2);

    assert.deepEqual(
      all.requests.map(({ version }) => version),
      [2, 1, 1],
    );
    assert.deepEqual(all.lines, ['fallback 204']);
    assert.equal(all.sent, 4);
  });

  it('falls back when a receiver refuses 2.0 with 400, and takes the same in 1.0', async () => {
    const all = scene(({ version }) => ({ status: version === 2 ? 400 : 200 }));
    await all.send(2);
    await all.send(2);

    assert.deepEqual(
      all.requests.map(({ version }) => version),
      [2, 1, 1],
    );
    assert.equal(all.sent, 4);
  });

  it('stays with protocol 2.0 on success', async () => {
    const all = scene(takes);
    for (let i = 0; i < 5; i++) await all.send(2);

    assert.deepEqual(new Set(all.requests.map(({ version }) => version)), new Set([2]));
    assert.equal(all.sender.version, 2);
  });

  it('does not fall back from 1.0', async () => {
    const all = scene(() => ({ status: 415 }), { version: 1 });
    await all.send(2);

    assert.equal(all.requests.length, 1);
    assert.deepEqual(all.lines, ['lost 2 media_type 415']);
  });

  it('does not send again what a receiver of 2.0 has stored in part', async () => {
    const all = scene(() => ({ status: 400, headers: written(3), text: 'out of order' }));
    await all.send(5);

    assert.equal(all.requests.length, 1);
    assert.equal(all.sent, 3);
    assert.deepEqual(all.lines, ['lost 2 refused 400 out of order']);
  });

  for (const lie of ['999999999', '-1', 'many', '1.5', '']) {
    it(`is not confused by a receiver that has written ${JSON.stringify(lie)}`, async () => {
      const headers = { 'x-prometheus-remote-write-samples-written': lie };
      const all = scene(({ version }) => (version === 2 ? { headers } : { status: 204 }));
      await all.send(2);

      assert.equal(all.sent, 2);
      assert.deepEqual(
        all.lines.filter((line) => line.startsWith('lost')),
        [],
      );
    });
  }

  it('counts what a receiver of 2.0 says that it has left out', async () => {
    const all = scene(() => ({ status: 204, headers: written(0) }));
    await all.send(2);

    assert.equal(all.sent, 0);
    assert.deepEqual(all.lines, ['lost 2 not_written 204']);
  });
});

describe('sender of remote write, with bad samples in a batch', () => {
  /** A receiver of 1.0 that refuses a whole request for one of these. */
  const refuses =
    (bad: ReadonlySet<string>): Answers =>
    ({ jobs }) =>
      jobs.some((job) => bad.has(job)) ? { status: 400, text: 'out of order' } : { status: 204 };

  for (const bad of [['0'], ['1999'], ['3', '700', '1500']]) {
    it(`loses sample ${bad.join(', ')} only`, async () => {
      const all = scene(refuses(new Set(bad)), { version: 1 });
      await all.send(2000);

      assert.equal(all.sent, 2000 - bad.length);
      assert.deepEqual(all.lines, Array(bad.length).fill('lost 1 refused 400 out of order'));
      assert.deepEqual(all.bad.toSorted(), bad.toSorted());
      assert.ok(all.requests.length < 80, `${all.requests.length} requests`);
    });
  }

  it('gives up soon when nothing is taken, and blames no sample', async () => {
    const all = scene(() => ({ status: 400, text: 'no' }), { version: 1 });
    await all.send(2000);

    assert.ok(all.requests.length <= 64, `${all.requests.length} requests`);
    const lost = all.lines.map((line) => Number(line.split(' ')[1]));
    assert.equal(
      lost.reduce((sum, one) => sum + one, 0),
      2000,
    );
    assert.deepEqual(all.bad, []);
  });

  it('does not besiege a receiver that refuses all, and searches anew once it takes something', async () => {
    let isBad = true;
    const all = scene(
      ({ jobs }) => (isBad || jobs.includes('7') ? { status: 400 } : { status: 204 }),
      { version: 1 },
    );
    for (let i = 0; i < 16; i++) await all.send(2000);
    assert.ok(all.requests.length <= 64 + 15 * 4, `${all.requests.length} requests`);

    isBad = false;
    await all.send(2000); // searched as if nothing had been refused
    assert.equal(all.sent, 1999);
    await all.send(2000);
    assert.equal(all.sent, 2 * 1999);
  });

  it('bounds the search where many samples are bad', async () => {
    const every3rd = new Set(Array.from({ length: 667 }, (_, at) => `${at * 3}`));
    const all = scene(refuses(every3rd), { version: 1 });
    await all.send(2000);

    assert.ok(all.requests.length <= 256, `${all.requests.length} requests`);
    const lost = all.lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
    assert.equal(all.sent + lost, 2000);
  });

  it('halves a batch that is too large, and remembers what fits', async () => {
    const all = scene((sent) => (sent.jobs.length > 300 ? { status: 413 } : takes(sent)));
    await all.send(2000);
    const first = all.requests.length;
    await all.send(2000);

    assert.equal(all.sent, 4000);
    assert.deepEqual(
      all.requests.map(({ jobs }) => jobs.length),
      [2000, 1000, 500, ...Array(8).fill(250), ...Array(8).fill(250)],
    );
    assert.equal(first, 11);
  });

  it('loses a single sample that is too large', async () => {
    const all = scene(() => ({ status: 413, text: 'too big' }));
    await all.send(1);

    assert.equal(all.requests.length, 1);
    assert.deepEqual(all.lines, ['lost 1 too_large 413 too big']);
  });

  it('gives back what is not settled when it must stop', async () => {
    let mayWrite = true;
    const all = scene(
      (sent, at) => {
        if (at === 2) mayWrite = false;
        return refuses(new Set(['1']))(sent, at);
      },
      { version: 1, mayWrite: () => mayWrite },
    );
    const rest = await all.send(8);

    const lost = all.lines.length;
    assert.equal(all.sent + lost + (rest?.samples.length ?? 0), 8);
    assert.ok(rest && rest.samples.length > 0);
  });
});
