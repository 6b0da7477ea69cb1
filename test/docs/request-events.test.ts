/** The documents name every word and metric of the events and of the channel between replicas. */
import assert from 'node:assert/strict';
import { CHANNEL_FAILURES } from '../../src/store/channel-error.ts';
import { PUBLISH_FAILURES } from '../../src/store/replica-channel.ts';
import { MESSAGE_REFUSALS } from '../../src/store/replica-message.ts';
import { eventMetrics } from '../../src/telemetry/event-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { replicaMetrics } from '../../src/telemetry/replica-metrics.ts';
import { printEvent } from '../../src/telemetry/request-event.ts';
import { DROP_CAUSES } from '../../src/telemetry/request-events.ts';
import { SEND_FAILURES } from '../../src/telemetry/send-error.ts';
import { metricNames, readDoc, unnamed } from '../support/doc-words.ts';

describe('docs/request-events.md', () => {
  it('shows the event that is printed, and describes each of its fields', () => {
    const [, shown = ''] = /^```json\n(.*)\n```$/m.exec(readDoc('request-events.md')) ?? [];
    const { value } = printEvent({
      ...{ atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), method: 'GET', path: '/products?page=2' },
      ...{ status: 200, cache: 'HIT', durationMs: 1.3, bytes: 512 },
      origin: 'http://origin.example:8080',
    });

    assert.equal(shown, value);
    assert.deepEqual(unnamed('request-events.md', Object.keys(JSON.parse(value))), []);
  });

  it('names every metric, cause and failure', async () => {
    const registry = new MetricRegistry();
    const levels = { queued: () => ({ events: 0, bytes: 0 }), isReady: () => true };
    eventMetrics(registry, { dropCauses: DROP_CAUSES, failures: SEND_FAILURES }, levels);

    const words = [...(await metricNames(registry)), ...DROP_CAUSES, ...SEND_FAILURES];
    assert.deepEqual(unnamed('request-events.md', words), []);
  });
});

describe('docs/operating.md', () => {
  it('names every metric, cause and failure of the channel between replicas', async () => {
    const registry = new MetricRegistry();
    const words = {
      publishFailures: PUBLISH_FAILURES,
      refusals: MESSAGE_REFUSALS,
      connectionFailures: CHANNEL_FAILURES,
    };
    replicaMetrics(registry, words, () => true);

    const all = [...(await metricNames(registry)), ...Object.values(words).flat()];
    assert.deepEqual(unnamed('operating.md', all), []);
  });
});
