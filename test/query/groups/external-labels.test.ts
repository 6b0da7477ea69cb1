import assert from 'node:assert/strict';
import { readExternalLabels } from '../../../src/config/prometheus-yaml.ts';
import { ExternalLabels, globalBlock } from '../../../src/query/groups/external-labels.ts';
import { DEFAULT_TARGET } from '../../../src/query/target/http.ts';
import { openTarget } from '../../../src/query/target/undici.ts';
import { startQueryServer } from '../../support/query-server.ts';

const BLOCK =
  'global:\n  scrape_interval: 15s\n  external_labels:\n    a: |-\n      x\n\n      y\n';
const JOBS = 'scrape_configs:\n- job_name: j\n';

describe('globalBlock', () => {
  it('is the block that Prometheus prints first, without the jobs', () => {
    assert.equal(globalBlock(BLOCK + JOBS), BLOCK);
    assert.equal(globalBlock(BLOCK), BLOCK);
  });

  it('is found behind other blocks', () => {
    assert.equal(globalBlock(`${JOBS}${BLOCK}${JOBS}`), BLOCK);
  });

  it('is nothing if no line begins with it, or if it is longer than 64 KiB', () => {
    for (const text of ['', '[]', JOBS, '  global:\n', 'x_global:\n']) {
      assert.equal(globalBlock(text), undefined, text);
    }
    assert.equal(globalBlock(`global:\n  a: ${'b'.repeat(65_536)}\n${JOBS}`), undefined);
  });
});

describe('external labels', () => {
  it('are read from the block alone, and again only when it changes', async () => {
    const data = { 'status/config': { yaml: BLOCK + JOBS } };
    await using server = await startQueryServer({ data });
    await using target = openTarget({ ...DEFAULT_TARGET, url: new URL(server.url) });
    const texts: string[] = [];
    let nowMs = 0;
    const labels = new ExternalLabels({
      ...{ target, nowMs: () => nowMs },
      readLabels: async (text) => {
        texts.push(text);
        return readExternalLabels(text);
      },
    });
    const found = async () => {
      nowMs += 3_600_000;
      return labels.labels(AbortSignal.timeout(10_000));
    };

    assert.deepEqual(await found(), { a: 'x\n\ny' });
    data['status/config'].yaml = `${BLOCK}${JOBS}- job_name: k\n`;
    assert.deepEqual(await found(), { a: 'x\n\ny' });
    data['status/config'].yaml = `global:\n  external_labels:\n    b: z\n${JOBS}`;
    assert.deepEqual(await found(), { b: 'z' });

    assert.deepEqual(texts, [BLOCK, 'global:\n  external_labels:\n    b: z\n']);
  });
});
