import assert from 'node:assert/strict';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { serveQuery } from './query-site.ts';

const one = (labels: Record<string, string>) => series(labels, [[1, 1]]);
const SHOPS = memoryFederation({
  groups: [
    { name: 'a', series: [one({ __name__: 'up', job: 'b' }), one({ __name__: 'up', job: 'a' })] },
    { name: 'b', series: [one({ __name__: 'up', job: 'a' }), one({ __name__: 'down', é: 'x' })] },
  ],
});

describe('GET /api/v1/series', () => {
  it('lists each series of all groups once, ordered by labels', async () => {
    await using site = await serveQuery({ federation: SHOPS });

    const { body } = await site.get('series', [
      ['match[]', 'up'],
      ['match[]', '{__name__="down"}'],
    ]);

    assert.deepEqual(body.data, [
      { __name__: 'down', é: 'x' },
      { __name__: 'up', job: 'a' },
      { __name__: 'up', job: 'b' },
    ]);
  });

  it('passes times on, cuts at the limit, and says so', async () => {
    await using site = await serveQuery({ federation: SHOPS });

    const { body } = await site.get('series', {
      ...{ 'match[]': 'up', start: '1', end: '2.5', limit: '1' },
    });

    assert.deepEqual(body.data, [{ __name__: 'up', job: 'a' }]);
    assert.deepEqual(body.warnings, ['results truncated due to limit']);
    const { startMs, endMs } = SHOPS.calls.at(-1)?.call ?? {};
    assert.deepEqual([startMs, endMs], [1_000, 2_500]);
    assert.deepEqual(SHOPS.calls.at(-1)?.call.parameters, { limit: '2' });
  });

  it('refuses a call without a selector that narrows', async () => {
    await using site = await serveQuery({ federation: SHOPS });
    const errorOf = async (parameters: Record<string, string>) =>
      (await site.get('series', parameters)).body.error ?? '';

    const many = new URLSearchParams(
      Array.from({ length: 257 }, (): [string, string] => ['match[]', 'up']),
    );
    const refused = await fetch(`${site.url}/api/v1/series?${many}`);

    assert.match(await refused.text(), /occurs 257 times/);
    assert.equal(await errorOf({}), 'no match[] parameter provided');
    assert.match(
      await errorOf({ 'match[]': '{a=~".*"}' }),
      /must contain at least one non-empty matcher$/,
    );
    assert.match(
      await errorOf({ 'match[]': 'up{' }),
      /^invalid parameter "match\[\]": 1:4: parse error/,
    );
  });

  it('lists 20,000 series of two groups in order', async () => {
    const many = (from: number) =>
      Array.from({ length: 10_000 }, (_, at) =>
        one({ __name__: 'm', i: String(from + ((at * 7_919) % 10_000)).padStart(6, '0') }),
      );
    const federation = memoryFederation({
      groups: [
        { name: 'a', series: many(5_000) },
        { name: 'b', series: many(0) },
      ],
    });
    await using site = await serveQuery({ federation });

    const { body } = await site.get('series', { 'match[]': 'm' });

    const found = (body.data as unknown as { i: string }[]).map(({ i }) => Number(i));
    assert.equal(found.length, 15_000);
    assert.ok(found.every((i, at) => i === at));
  });
});

describe('GET /api/v1/labels and label/<name>/values', () => {
  const labelled = memoryFederation({
    groups: [
      { name: 'a', labels: { shard: 's1' }, series: [one({ __name__: 'up', job: 'b' })] },
      { name: 'b', labels: { shard: 's2' }, series: [one({ __name__: 'down', job: 'a' })] },
    ],
  });
  const federation = {
    ...labelled,
    groups: () => [
      ...['s1', 's2'].map((shard, ordinal) => ({
        ...{ name: shard, ordinal, labels: { shard }, servers: [], discoveryError: '' },
      })),
    ],
  };

  it('join the names of all groups and those that the groups add', async () => {
    await using site = await serveQuery({ federation });

    const all = await site.get('labels');
    const none = await site.get('labels', { 'match[]': '{job="c"}' });

    assert.deepEqual(all.body.data, ['__name__', 'job', 'shard']);
    assert.deepEqual(none.body.data, []);
  });

  it('join the values of all groups', async () => {
    await using site = await serveQuery({ federation });

    assert.deepEqual((await site.get('label/job/values')).body.data, ['a', 'b']);
    const { body } = await site.get('label/job/values', { 'match[]': 'up', limit: '1' });
    assert.deepEqual([body.data, body.warnings], [['b'], undefined]);
  });

  it('give a label that groups add its value only where series match', async () => {
    await using site = await serveQuery({ federation });

    assert.deepEqual((await site.get('label/shard/values')).body.data, ['s1', 's2']);
    const matched = await site.get('label/shard/values', { 'match[]': 'down' });
    assert.deepEqual(matched.body.data, ['s2']);
  });

  it('read names that are escaped, and ask for them so', async () => {
    await using site = await serveQuery({ federation: SHOPS });

    const { status } = await site.get('label/U___e9__20_a__b/values');

    assert.equal(status, 200);
    assert.equal(SHOPS.calls.at(-1)?.call.path, 'label/U___e9__20_a__b/values');
    assert.deepEqual((await site.get('label/%ff/values')).status, 400);
  });
});

describe('answers that no Prometheus gives', () => {
  it('fail with the name of their group', async () => {
    for (const data of ['x', [1], { a: 1 }, [{ a: 1 }], null]) {
      const federation = memoryFederation({
        groups: [{ name: 'liar', answers: { series: data } }],
      });
      await using site = await serveQuery({ federation });

      const { status, body } = await site.get('series', { 'match[]': 'up' });

      if (data === null) assert.equal(status, 200);
      else {
        assert.deepEqual([status, body.errorType], [422, 'execution']);
        assert.match(body.error ?? '', /^group liar: its answer holds/);
      }
      assert.deepEqual(site.mistakes, []);
    }
  });
});
