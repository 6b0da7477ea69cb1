import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { compileRelabel } from '../../../src/push/send/relabel.ts';
import { MemoryBatches } from '../../../src/push/send/remote-write-memory.ts';
import { openRemoteWriteFile } from '../../../src/store/remote-write-file.ts';
import { eventually } from '../../support/eventually.ts';
import type { ReceivedSeries } from '../../support/remote-message.ts';
import { knowsFirstOnly, startReceiver, storesAll } from '../../support/remote-receiver.ts';
import { openRemote, seeRemote, shortPauses, textSource } from './remote.ts';

const STALE = '7ff0000000000002';

const valuesOf = (series: readonly ReceivedSeries[], job: string): string[] =>
  series
    .filter(({ labels }) => labels['job'] === job)
    .flatMap(({ samples }) =>
      samples.map(({ value, bits }) => (bits === STALE ? 'stale' : `${value}`)),
    );

function timesOf(series: readonly ReceivedSeries[], job: string): number[] {
  return series
    .filter(({ labels }) => labels['job'] === job)
    .flatMap(({ samples }) => samples.map(({ atMs }) => atMs));
}

function assertRising(times: readonly number[]): void {
  for (const [at, time] of times.entries()) {
    assert.ok(at === 0 || time > times[at - 1]!, `${time} after ${times[at - 1]}`);
  }
}

describe('remote write', () => {
  it('sends all series with one time per round, which rises', async () => {
    await using receiver = await startReceiver();
    const source = textSource('jobs_total{job="b",app="x"} 5\nqueue_length -0.5');
    source.set('jobs_total{job="a"} 7', 1000);
    await using _remote = openRemote({ url: receiver.url, source });

    const requests = await receiver.received(3);
    const [first] = requests;
    assert.deepEqual(
      first?.message.series.map(({ labels, samples }) => [labels, samples[0]?.value]),
      [
        [{ __name__: 'jobs_total', app: 'x', job: 'b' }, 5],
        [{ __name__: 'queue_length' }, -0.5],
        [{ __name__: 'jobs_total', job: 'a' }, 7],
      ],
    );
    assert.equal(first?.message.series[2]?.samples[0]?.startMs, 1000);
    assertRising(requests.map(({ message }) => message.series[0]?.samples[0]?.atMs ?? 0));
  });

  for (const version of [1, 2] as const) {
    it(`keeps the rules for labels and symbols in protocol ${version}.0`, async () => {
      await using receiver = await startReceiver();
      const source = textSource(
        `jobs_total{zone="",job="ü 日本 \\n \\"quoted\\"",Zone="1",_a="2",__tmp="3"} 1
         jobs:rate5m{job="colon"} 2
         jobs_total{job="${'x'.repeat(20_000)}"} NaN
         jobs_total{job="inf"} +Inf
         jobs_total{job="minus"} -Inf
         jobs_total{job="large"} 1.7976931348623157e+308
         jobs_total{job="small"} 5e-324`,
      );
      await using _remote = openRemote({ url: receiver.url, source, version });

      const request = await eventually('samples', () =>
        receiver.requests.find(({ samples }) => samples > 0),
      );
      const { series, symbols } = request.message;
      assert.equal(series.length, 7);
      for (const { names, samples } of series) {
        assert.deepEqual(names, [...names].toSorted());
        assert.equal(new Set(names).size, names.length);
        assert.equal(samples.length, 1);
      }
      assert.deepEqual(series[0]?.labels, {
        __name__: 'jobs_total',
        Zone: '1',
        _a: '2',
        job: 'ü 日本 \n "quoted"',
      });
      assert.deepEqual(
        series.map(({ samples }) => samples[0]?.value),
        [1, 2, Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE],
      );
      assert.equal(series[2]?.samples[0]?.bits, '7ff8000000000001');
      if (version === 2) {
        assert.equal(symbols[0], '');
        assert.equal(new Set(symbols).size, symbols.length);
        assert.deepEqual(series[0]?.metadata, { type: 1, help: 'Jobs done.', unit: '' });
      }
      // A framed stream begins with 0xff; a block begins with the length of what it holds.
      assert.notEqual(request.body[0], 0xff);
    });
  }

  it('describes families once a minute in protocol 1.0', async () => {
    await using receiver = await startReceiver(knowsFirstOnly);
    const source = textSource('jobs_total{job="a"} 5\njobs_total{job="b"} 5\nqueue_length 1');
    await using _remote = openRemote({ url: receiver.url, source });

    await receiver.received(8);
    const described = receiver.requests.filter(({ message }) => message.metadata.length > 0);
    assert.deepEqual(
      described.map(({ message, version }) => [version, message.series.length]),
      [['0.1.0', 0]],
    );
    assert.deepEqual(described[0]?.message.metadata, [
      { type: 1, name: 'jobs_total', help: 'Jobs done.', unit: '' },
      { type: 1, name: 'queue_length', help: 'Jobs done.', unit: '' },
    ]);
  });

  it('ends a series that has gone, once, and begins it anew', async () => {
    await using receiver = await startReceiver();
    const source = textSource('jobs_total{job="a"} 5\njobs_total{job="b"} 1');
    await using _remote = openRemote({ url: receiver.url, source });
    await receiver.received(1);
    source.delete('jobs_total{job="a"}');
    await receiver.received(receiver.requests.length + 3);
    source.set('jobs_total{job="a"} 1');
    await eventually('the series again', () =>
      valuesOf(receiver.stored, 'a').at(-1) === '1' ? true : undefined,
    );

    const values = valuesOf(receiver.stored, 'a').join(' ');
    assert.match(values, /^(?:5 )+stale(?: 1)+$/);
    assertRising(timesOf(receiver.stored, 'a'));
    assert.match(valuesOf(receiver.stored, 'b').join(' '), /^1(?: 1)*$/);
  });

  it('sends only what has changed, or is old, where it is told to', async () => {
    await using receiver = await startReceiver();
    const source = textSource('jobs_total{job="a"} 5\njobs_total{job="b"} 1');
    let nowMs = 0;
    const wallMs = (): number => {
      nowMs += 20;
      return nowMs;
    };
    await using _remote = openRemote({ url: receiver.url, source, resendMs: 400, wallMs });
    for (let value = 2; value < 40; value++) {
      source.set(`jobs_total{job="b"} ${value}`);
      await receiver.received(value);
    }

    const [often, seldom] = [timesOf(receiver.stored, 'b'), timesOf(receiver.stored, 'a')];
    assert.ok(often.length > 10 && seldom.length < often.length / 2, `${seldom.length} times`);
    assert.ok(seldom.length >= 2, 'an unchanged series is sent again');
    for (const [at, time] of seldom.entries()) if (at > 0) assert.ok(time - seldom[at - 1]! >= 400);
  });

  it('sends one of two series with the same labels, and the other one later', async () => {
    await using receiver = await startReceiver();
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a",pod="1"} 5\njobs_total{job="a",pod="2"} 6');
    const relabel = compileRelabel([
      {
        ...{ action: 'labeldrop', sourceLabels: [], separator: ';', regex: 'pod' },
        ...{ targetLabel: '', replacement: '', modulus: 0 },
      },
    ]);
    await using _remote = openRemote({ url: receiver.url, source, observers, relabel });
    await receiver.received(2);
    source.delete('jobs_total{job="a",pod="1"}');
    await eventually('the other one', () =>
      valuesOf(receiver.stored, 'a').at(-1) === '6' ? true : undefined,
    );

    assert.match(valuesOf(receiver.stored, 'a').join(' '), /^(?:5 )+stale(?: 6)+$/);
    assert.equal(observers.lines[0], 'skipped duplicate');
  });

  it('leaves out series whose names receivers would drop silently', async () => {
    await using receiver = await startReceiver();
    const observers = seeRemote();
    const source = textSource('up 1\nfoo.bar 1\njobs_total{"a.b"="c"} 1');
    await using _remote = openRemote({ url: receiver.url, source, observers });

    const [request] = await receiver.received(1);
    assert.deepEqual(
      request?.message.series.map(({ labels }) => labels),
      [{ __name__: 'up' }],
    );
    assert.deepEqual(observers.lines.slice(0, 2), ['skipped bad_name', 'skipped bad_name']);
  });

  it('splits many series into requests of a bounded size', async () => {
    await using receiver = await startReceiver();
    const source = textSource();
    for (let job = 0; job < 250; job++) source.set(`jobs_total{job="${job}"} ${job}`);
    await using _remote = openRemote({ url: receiver.url, source, maxSamples: 100, maxLanes: 3 });

    await receiver.received(12);
    assert.ok(receiver.requests.every(({ samples }) => samples <= 100));
    for (const job of ['0', '100', '249']) assertRising(timesOf(receiver.stored, job));
    assert.equal(new Set(receiver.stored.map(({ labels }) => labels['job'])).size, 250);
  });

  it('lets other work run in a round of many series', async () => {
    await using receiver = await startReceiver();
    const source = textSource();
    for (let job = 0; job < 20_000; job++) source.set(`jobs_total{job="${job}"} ${job}`);
    let turns = 0;
    const ended = new AbortController();
    const count = (): void => {
      turns += 1;
      if (!ended.signal.aborted) setImmediate(count);
    };
    const counted = { read: () => source.read(), seen: () => ended.abort() };
    setImmediate(count);
    await using _remote = openRemote({ url: receiver.url, source: counted, intervalMs: 60_000 });
    await eventually('the end of a round', () => (ended.signal.aborted ? true : undefined));

    assert.ok(turns > 5, `${turns} turns`);
  });

  it('bounds the bytes of a request', async () => {
    await using receiver = await startReceiver();
    const source = textSource();
    for (let job = 0; job < 40; job++) source.set(`t{job="${job}",x="${'y'.repeat(1e5)}"} ${job}`);
    await using _remote = openRemote({ url: receiver.url, source });

    await receiver.received(4);
    assert.ok(receiver.requests.every(({ samples }) => samples <= 10));
  });

  it('writes only with the lease, and drops what waits when another one has it', async () => {
    await using receiver = await startReceiver();
    let isHeld = false;
    let asked = 0;
    const lease = {
      isHeld: () => {
        asked += 1;
        return isHeld;
      },
    };
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    await using _remote = openRemote({ url: receiver.url, source, lease, observers });
    await eventually('rounds', () => (asked > 10 ? true : undefined));
    assert.equal(receiver.requests.length, 0);

    isHeld = true;
    await receiver.received(2);
    receiver.reply = () => ({ status: 503 });
    await eventually('a batch that waits', () => (observers.lines.length > 2 ? true : undefined));
    isHeld = false;
    await eventually('the loss', () => observers.lines.find((line) => /lease_lost/.test(line)));

    const before = receiver.requests.length;
    const askedBefore = asked;
    await eventually('rounds', () => (asked > askedBefore + 10 ? true : undefined));
    assert.equal(receiver.requests.length, before);
    receiver.reply = storesAll;
  });

  it('says that values are seen only while the receiver takes them', async () => {
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const source = textSource('jobs_total{job="a"} 5');
    await using _remote = openRemote({ url: receiver.url, source });
    await receiver.received(4);
    assert.equal(source.seenTimes, 1); // the first round could not know

    receiver.reply = storesAll;
    await eventually('values that are seen', () => (source.seenTimes > 2 ? true : undefined));
  });

  it('goes on after a round that failed', async () => {
    await using receiver = await startReceiver();
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    let isBroken = true;
    const broken = {
      read: () => {
        if (isBroken) throw new Error('no ledger');
        return source.read();
      },
    };
    await using _remote = openRemote({ url: receiver.url, source: broken, observers });
    await eventually('an error', () => observers.lines.find((line) => /no ledger/.test(line)));
    isBroken = false;

    await receiver.received(1);
  });
});

describe('remote write, with a receiver in trouble', () => {
  it('loses nothing over a restart of the receiver', async () => {
    await using receiver = await startReceiver();
    const observers = seeRemote();
    const source = textSource();
    let value = 0;
    const times = (): number[] => timesOf(receiver.stored, 'a');
    const counting = {
      read: () => {
        value += 1;
        source.set(`jobs_total{job="a"} ${value}\njobs_total{job="b"} ${value}`);
        return source.read();
      },
    };
    const options = { url: receiver.url, source: counting, observers };
    await using remote = openRemote({ ...options, maxLanes: 2, maxSamples: 1 });
    await receiver.received(3);
    await receiver.goDown();
    const downAt = value;
    await eventually('rounds without a receiver', () => (value > downAt + 20 ? true : undefined));
    assert.ok(remote.behindMs > 0 && remote.queuedBytes > 0);
    await receiver.comeBack();
    const upAt = value;

    await eventually('all values', () =>
      valuesOf(receiver.stored, 'a').includes(`${upAt + 5}`) ? true : undefined,
    );
    const values = valuesOf(receiver.stored, 'a').map(Number);
    assert.deepEqual(new Set(values.slice(0, upAt)).size, upAt);
    assertRising([...new Set(times())]); // what was under way may have come twice
    assert.ok(observers.lines.every((line) => /^retry \d+ unreachable/.test(line)));
  });

  it('gives up a request that hangs, and sends it again', async () => {
    await using receiver = await startReceiver((_request, response) => {
      response.once('close', () => undefined); // never answers
      return undefined;
    });
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    await using _remote = openRemote({ url: receiver.url, source, observers, timeoutMs: 100 });
    await receiver.received(2);
    receiver.reply = storesAll;

    await eventually('a stored sample', () => (receiver.stored.length > 0 ? true : undefined));
    assert.equal(observers.lines[0], 'retry 1 timeout undefined');
  });

  it('takes no more than 1,024 bytes of an answer of 20 MB', async () => {
    let written = 0;
    await using receiver = await startReceiver((_request, response) => {
      response.writeHead(404, { 'content-length': `${20 * 2 ** 20}` });
      const block = Buffer.alloc(2 ** 16, 'no such path ');
      const more = (): void => {
        while (written < 20 * 2 ** 20 && !response.destroyed) {
          written += block.length;
          if (!response.write(block)) return void response.once('drain', more);
        }
      };
      more();
      return undefined;
    });
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    await using _remote = openRemote({ url: receiver.url, source, observers });

    const line = await eventually('a loss', () => observers.lines[0]);
    assert.match(line, /^lost 1 not_found 404 no such path no such/);
    assert.ok(line.length < 1100, `${line.length}`);
  });

  it('does not wait for the end of a body that does not end', async () => {
    await using receiver = await startReceiver((request, response) => {
      response.writeHead(200, {
        'x-prometheus-remote-write-samples-written': `${request.samples}`,
      });
      response.write('o');
      return undefined;
    });
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    const options = { url: receiver.url, source, observers, intervalMs: 1000 };
    await using _remote = openRemote(options);

    await eventually('samples that are sent', () => (observers.sent > 1 ? true : undefined));
    assert.deepEqual(observers.lines, []);
  });

  it('does not unpack an answer, and follows no redirect', async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 22));
    await using receiver = await startReceiver((_request, response) => {
      response.writeHead(308, { location: '/elsewhere', 'content-encoding': 'gzip' }).end(bomb);
      return undefined;
    });
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    await using _remote = openRemote({ url: receiver.url, source, observers });

    await receiver.received(3);
    const line = await eventually('a loss', () => observers.lines[0]);
    assert.match(line, /^lost 1 redirect 308 \x1f/);
    assert.ok(receiver.requests.every(({ headers }) => headers['accept-encoding'] === undefined));
  });

  it('takes an answer that is no HTTP for a failure of the network', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using _server = { [Symbol.asyncDispose]: async () => void server.close() };
    const { port } = server.address() as { port: number };
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    const options = { url: `http://127.0.0.1:${port}/`, source, observers };
    await using _remote = openRemote({ ...options, clock: shortPauses });

    const line = await eventually('a retry', () => observers.lines[0]);
    assert.equal(line, 'retry 1 unreachable undefined');
  });

  it('puts a series aside that is refused again and again', async () => {
    await using receiver = await startReceiver();
    const poison = (names: readonly ReceivedSeries[]): boolean =>
      names.some(({ labels }) => labels['job'] === 'bad');
    receiver.reply = ({ message }) =>
      poison(message.series) ? { status: 400, body: 'label value is too long' } : { status: 204 };
    const observers = seeRemote();
    const source = textSource('t{job="a"} 1\nt{job="bad"} 1\nt{job="b"} 1\nt{job="c"} 1');
    const options = { url: receiver.url, source, observers, version: 1, intervalMs: 300 } as const;
    await using _remote = openRemote(options);

    await eventually('a series put aside', () =>
      observers.lines.find((line) => line === 'skipped put_aside'),
    );
    await receiver.received(receiver.requests.length + 4); // what was under way is done by then
    const before = receiver.requests.length;
    await receiver.received(before + 3);
    assert.ok(receiver.requests.slice(before).every(({ message }) => !poison(message.series)));
    const lost = observers.lines.filter((line) => line.startsWith('lost'));
    assert.ok(lost.length >= 2);
    assert.deepEqual(new Set(lost), new Set(['lost 1 refused 400 label value is too long']));
  });

  it('drops the oldest samples when too many wait, and sends the newest', async () => {
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    const store = new MemoryBatches();
    const options = { url: receiver.url, source, observers, store, maxQueueBytes: 3000 };
    await using _remote = openRemote(options);
    const dropped = (): number =>
      observers.lines.filter((line) => line === 'dropped 1 queue_full').length;
    await eventually('drops', () => (dropped() > 10 ? true : undefined));
    assert.ok(store.level.bytes <= 3000 + 500, `${store.level.bytes}`);
    receiver.reply = storesAll;

    await eventually('samples', () => (receiver.stored.length > 12 ? true : undefined));
    assertRising(timesOf(receiver.stored, 'a'));
  });
});

describe('remote write, at the end', () => {
  it('sends the last values', async () => {
    await using receiver = await startReceiver();
    const source = textSource('jobs_total{job="a"} 5');
    {
      await using _remote = openRemote({ url: receiver.url, source, intervalMs: 60_000 });
      await receiver.received(1);
      source.set('jobs_total{job="a"} 6');
    }

    assert.deepEqual(valuesOf(receiver.stored, 'a'), ['5', '6']);
  });

  it('keeps in a file what a receiver that is away did not take, for the next start', async () => {
    await using receiver = await startReceiver();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-remote-write-'));
    await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const observers = seeRemote();
    const openFile = () => openRemoteWriteFile(path.join(folder, 'queue'), observers.onError);
    const source = textSource();
    let value = 0;
    const counting = {
      read: () => {
        value += 1;
        for (const job of ['a', 'b', 'c', 'd']) source.set(`jobs_total{job="${job}"} ${value}`);
        return source.read();
      },
    };
    const options = { url: receiver.url, source: counting, observers, maxSamples: 1 };
    {
      const store = openFile();
      await using _remote = openRemote({ ...options, store, maxLanes: 4, clock: shortPauses });
      await receiver.received(20);
      receiver.reply = () => ({ status: 503 });
      const awayAt = value;
      await eventually('rounds', () => (value > awayAt + 5 ? true : undefined));
    }
    const valueAtEnd = value;
    receiver.reply = storesAll;
    await using _remote = openRemote({ ...options, store: openFile(), maxLanes: 2 });
    await eventually('new values', () =>
      valuesOf(receiver.stored, 'd').includes(`${valueAtEnd + 3}`) ? true : undefined,
    );

    for (const job of ['a', 'b', 'c', 'd']) {
      // A sample comes twice whose answer did not come in time.
      const values = [...new Set(valuesOf(receiver.stored, job))].map(Number);
      assert.deepEqual(
        values,
        values.map((_, at) => at + 1),
        job,
      );
      assertRising([...new Set(timesOf(receiver.stored, job))]);
    }
    assert.deepEqual(
      observers.lines.filter((line) => !line.startsWith('retry')),
      [],
    );
  });

  it('takes less time when promgate has to end soon', async () => {
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const source = textSource('jobs_total{job="a"} 5');
    const waitedMs: number[] = [];
    const clock = {
      nowMs: () => performance.now(),
      sleep: (ms: number, signal: AbortSignal) => {
        waitedMs.push(ms);
        return shortPauses.sleep(ms, signal);
      },
    };
    for (const stopping of [AbortSignal.abort(), new AbortController().signal]) {
      const options = { url: receiver.url, source, clock, stopping, intervalMs: 60_000 };
      await using _remote = openRemote(options);
    }

    assert.deepEqual(
      waitedMs.filter((ms) => ms === 500 || ms === 3000),
      [500, 3000],
    );
  });

  it('gives up a store that does not answer', async () => {
    await using receiver = await startReceiver();
    const closed = Promise.withResolvers<void>();
    const store = {
      ...{ kind: 'shared' as const, level: { batches: 0, bytes: 0, oldestMs: 0 } },
      last: { id: 0, atMs: 0, lanes: 1 },
      open: () => closed.promise,
      append: () => closed.promise,
      first: async () => undefined,
      remove: async () => undefined,
      dropOldest: async () => undefined,
      clear: async () => 0,
      [Symbol.asyncDispose]: async () => closed.reject(new Error('the store is closed')),
    };
    const remote = openRemote({
      url: receiver.url,
      source: textSource(),
      store,
      clock: shortPauses,
    });

    await remote[Symbol.asyncDispose]();

    assert.deepEqual(receiver.requests, []);
  });

  it('counts what a receiver that is away did not take', async () => {
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    {
      await using _remote = openRemote({
        url: receiver.url,
        source,
        observers,
        clock: shortPauses,
      });
      await receiver.received(3);
    }

    assert.match(observers.lines.at(-1) ?? '', /^dropped \d+ stopped$/);
  });
});
