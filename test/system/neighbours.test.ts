/**
 * Apps beside each other: one that hangs as a whole and one with pages as large as they may be cost
 * a third one nothing.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { hang, page, response, TEXT_TYPE } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { read } from '../support/reader.ts';
import { samplesOf } from '../support/samples.ts';
import { startScene } from '../support/scene.ts';
import type { Answer } from '../support/simulated-server.ts';

const MIB = 2 ** 20;
const PAGE_BYTES = 16 * MIB;
/** What promgate gets on Cloud Foundry: `scrape.max_bytes` is a quarter of it unless configured. */
const MEMORY_BYTES = 512 * MIB;
const MAX_BYTES = MEMORY_BYTES / 4;

/** As large as a page may be. */
function largestPage(): Buffer {
  const line = `big{text="${'x'.repeat(1000)}"} 1\n`;
  return Buffer.from(line.repeat(Math.floor(PAGE_BYTES / line.length)));
}

/** Sends all but the last byte, and that one only when the gate opens. */
function gated(body: Buffer, gate: Promise<void>): Answer {
  const whole = response(200, { 'Content-Type': TEXT_TYPE }, body);
  return async ({ socket, signal }) => {
    socket.write(whole.subarray(0, -1));
    await Promise.race([gate, once(signal, 'abort')]);
    socket.write(whole.subarray(-1));
  };
}

/** The end of a page, where promgate says how each instance did; the rest is read and forgotten. */
async function endOf(url: string): Promise<string> {
  const [answer] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  let end = Buffer.alloc(0);
  for await (const piece of answer) end = Buffer.concat([end, piece]).subarray(-MIB);
  return end.toString();
}

describe('a space whose apps hang or send the most they may', function () {
  this.timeout(SLOW_MS);

  it('costs an app of another space no sample, and leaves nothing behind', async () => {
    const gate = Promise.withResolvers<void>();
    const large = gated(largestPage(), gate.promise);
    await using scene = await startScene(
      {
        hung: { space: 'a', answers: Array(500).fill(hang) },
        large: { space: 'b', answers: Array(100).fill(large) },
        good: { space: 'c', answers: Array(50).fill(page('foo 1\n')) },
      },
      { scrape: { max_bytes: `${MAX_BYTES / MIB}MiB` } },
    );
    const { promgate, apps } = scene;
    const events: string[] = [];
    const leave = new AbortController();
    const hung = read(promgate.url + apps.hung.path, { signal: leave.signal });
    const largeEnd = endOf(promgate.url + apps.large.path);
    void hung.catch(() => events.push('the hung one was given up'));
    void largeEnd.then(() => events.push('the large one was answered'));
    await eventually('both to have taken what they can', async () => {
      const slots = await promgate.metric('promgate_scrape_slots_used');
      const bytes = await promgate.metric('promgate_scrape_bytes_in_flight');
      return slots! >= 128 + 100 && bytes! >= MAX_BYTES / 2 ? true : undefined;
    });

    for (let n = 0; n < 10; n++) {
      const { status, body } = await read(promgate.url + apps.good.path);
      const text = body.toString();
      assert.equal(status, 200);
      assert.equal(samplesOf(text, 'foo').length, 50);
      assert.equal(samplesOf(text, 'promfetcher_scrape_error').length, 0);
    }
    events.push('the good one was answered');
    leave.abort();
    await assert.rejects(hung, { name: 'AbortError' });
    gate.resolve();
    const end = await largeEnd;

    assert.deepEqual(events, [
      'the good one was answered',
      'the hung one was given up',
      'the large one was answered',
    ]);
    const up = samplesOf(end, 'promgate_instance_up').filter(({ value }) => value === '1');
    const failed = samplesOf(end, 'promfetcher_scrape_error').map(({ labels }) => labels['error']);
    assert.ok(up.length > 0, 'as many of the large pages as there is room for');
    assert.deepEqual([...new Set(failed)], ['over-budget']);
    assert.equal(up.length + failed.length, 100);
    for (const name of ['slots_used', 'waiting', 'bytes_in_flight']) {
      await eventually(`${name} to be 0`, async () =>
        (await promgate.metric(`promgate_scrape_${name}`)) === 0 ? true : undefined,
      );
    }
    const peakBytes = promgate.peakMemoryBytes();
    assert.ok(peakBytes < MEMORY_BYTES, `${Math.round(peakBytes / MIB)} MiB`);
  });
});
