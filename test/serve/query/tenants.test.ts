import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { QueryScope } from '../../../src/query/federation.ts';
import type { Scope } from '../../../src/serve/scope.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { type QuerySite, serveQuery } from './query-site.ts';

const APPS = ['app-a', 'app-b'];
const SPACES = ['space-1', 'space-2'];

/** Series of two apps in two spaces, and one that has no ids. */
const ALL = [
  ...APPS.flatMap((app_id, app) =>
    SPACES.flatMap((space_id, space) =>
      ['m', 'n', 'target_info'].map((__name__) =>
        series(
          {
            __name__,
            app_id,
            space_id,
            job: 'j',
            instance: `i${app}${space}`,
            secret: `${app}${space}`,
          },
          [
            [900_000, 1 + app * 10 + space * 100],
            [960_000, 2 + app * 10 + space * 100],
          ],
        ),
      ),
    ),
  ),
  series({ __name__: 'm', job: 'j', secret: 'none' }, [[960_000, 5_000]]),
];
const labelOf = (labels: readonly (readonly [string, string])[], name: string) =>
  labels.find(([label]) => label === name)?.[1];

const SCOPES: readonly { readonly scope: Scope; readonly own: readonly (typeof ALL)[number][] }[] =
  [
    {
      scope: { appId: 'app-a', spaceId: 'space-1' },
      own: ALL.filter(
        ({ labels }) =>
          labelOf(labels, 'app_id') === 'app-a' && labelOf(labels, 'space_id') === 'space-1',
      ),
    },
    {
      scope: { appId: 'app-a', spaceId: '' },
      own: ALL.filter(({ labels }) => labelOf(labels, 'app_id') === 'app-a'),
    },
    {
      scope: { appId: undefined, spaceId: 'space-2' },
      own: ALL.filter(({ labels }) => labelOf(labels, 'space_id') === 'space-2'),
    },
  ];

const matcher = fc.constantFrom(
  ...['', 'app_id="app-b"', 'app_id!="app-a"', 'app_id=~".*"', 'app_id=""', 'space_id!~"x"'],
  ...['secret=~".+"', 'job="j"', '__name__=~".+",app_id="app-b"'],
);
const selector = fc
  .tuple(fc.constantFrom('m', 'n', 'target_info', '{__name__=~".+"'), matcher)
  .map(([name, one]) =>
    name.startsWith('{') ? `${name}${one === '' ? '' : `,${one}`}}` : `${name}{${one}}`,
  );
const { vector } = fc.letrec<{ vector: string }>((tie) => ({
  vector: fc.oneof(
    { depthSize: 'small' },
    selector,
    fc
      .tuple(selector, fc.constantFrom('offset 1m', '@ 960', '@ start()'))
      .map((all) => all.join(' ')),
    fc
      .tuple(
        fc.constantFrom('sum', 'count', 'max', 'sum by (secret)', 'topk by (app_id) (1,'),
        tie('vector'),
      )
      .map(([of, inner]) =>
        of.endsWith(',') ? `topk by (app_id) (1, ${inner})` : `${of} (${inner})`,
      ),
    fc
      .tuple(fc.constantFrom('rate', 'count_over_time', 'last_over_time'), selector)
      .map(([of, one]) => `${of}(${one}[10m])`),
    tie('vector').map((inner) => `max_over_time((${inner})[5m:1m])`),
    tie('vector').map((inner) => `label_replace(${inner}, "app_id", "app-a", "secret", ".*")`),
    tie('vector').map((inner) => `info(${inner}, {secret=~".+"})`),
    tie('vector').map((inner) => `absent(${inner})`),
    fc
      .tuple(
        tie('vector'),
        fc.constantFrom(' or ', ' and on () ', ' unless ', ' * on (job) group_left () '),
        tie('vector'),
      )
      .map((all) => all.join('')),
  ),
}));

describe('the scope of a token', () => {
  const settings = { switches: { experimentalFunctions: true } };
  const answerOf = async (site: QuerySite, path: string, parameters: Record<string, string>) => {
    const { status, body } = await site.get(path, parameters);
    return { status, data: body.data, error: body.error };
  };

  for (const { scope, own } of SCOPES) {
    it(`holds for every expression: ${JSON.stringify(scope)}`, async () => {
      const all = memoryFederation({ groups: [{ name: 'all', series: ALL }] });
      const alone = memoryFederation({ groups: [{ name: 'own', series: own }] });
      await using tenant = await serveQuery({ federation: all, scope, settings });
      await using oracle = await serveQuery({ federation: alone, settings });
      assert.ok(own.length > 0 && own.length < ALL.length);

      await fc.assert(
        fc.asyncProperty(vector, async (query) => {
          const instant = { query, time: '1000' };
          assert.deepEqual(
            await answerOf(tenant, 'query', instant),
            await answerOf(oracle, 'query', instant),
          );
          const range = { query, start: '880', end: '1000', step: '60' };
          assert.deepEqual(
            await answerOf(tenant, 'query_range', range),
            await answerOf(oracle, 'query_range', range),
          );
        }),
        { numRuns: 60 },
      );
    });

    it(`holds for series and labels: ${JSON.stringify(scope)}`, async () => {
      const all = memoryFederation({ groups: [{ name: 'all', series: ALL }] });
      const alone = memoryFederation({ groups: [{ name: 'own', series: own }] });
      await using tenant = await serveQuery({ federation: all, scope });
      await using oracle = await serveQuery({ federation: alone });
      for (const selected of ['m', '{app_id="app-b"}', '{secret=~".+"}', '{__name__!=""}']) {
        for (const path of ['series', 'labels', 'label/secret/values', 'label/app_id/values']) {
          const parameters = { 'match[]': selected };
          assert.deepEqual(
            await answerOf(tenant, path, parameters),
            await answerOf(oracle, path, parameters),
            path,
          );
        }
      }
    });
  }

  it('is refused where it names neither app nor space', async () => {
    const federation = memoryFederation({ groups: [{ name: 'all', series: ALL }] });
    for (const scope of [
      { appId: undefined, spaceId: '' },
      { appId: '', spaceId: 'space-1' },
    ]) {
      await using site = await serveQuery({ federation, scope });
      for (const [path, parameters] of [
        ['query', { query: 'm' }],
        ['series', { 'match[]': 'm' }],
        ['alerts', {}],
      ] as const) {
        assert.equal((await site.get(path, parameters)).status, 403, path);
      }
    }
  });

  it('hides the addresses of servers from explain=1', async () => {
    const all = memoryFederation({ groups: [{ name: 'all', series: ALL }] });
    const request = {
      group: 'g',
      server: 'http://10.0.0.1',
      call: 'read',
      outcome: 'success',
      durationMs: 1,
    };
    const federation = {
      ...all,
      open: (scope: QueryScope) => ({ ...all.open(scope), requests: () => [request] }),
    };
    await using operator = await serveQuery({ federation });
    await using tenant = await serveQuery({ federation, scope: SCOPES[0]!.scope }); // there are three
    const asked = async (site: QuerySite) =>
      (await site.get('query', { query: 'm', explain: '1' })).body.explain?.['asked'];

    assert.deepEqual(await asked(operator), [request]);
    assert.deepEqual(await asked(tenant), []);
  });
});
