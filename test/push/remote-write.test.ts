import assert from 'node:assert/strict';
import { startReceiver } from '../support/remote-receiver.ts';
import { openRemote, textSource } from './remote.ts';

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
    const times = requests.map(({ message }) => message.series[0]?.samples[0]?.atMs ?? 0);
    for (const [at, time] of times.entries()) assert.ok(at === 0 || time > times[at - 1]!);
  });
});
