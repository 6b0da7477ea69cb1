import assert from 'node:assert/strict';
import { readConfig } from '../../src/config/config.ts';
import type { Label } from '../../src/push/labels.ts';
import { familyRules, type Said, tenantRules } from '../../src/push/rules.ts';

const SHOP: readonly Label[] = [
  ['app_id', '7c9e6679-7425-40de-944b-e07fc1f90ae7'],
  ['app_name', 'shop'],
  ['organization_id', 'o1'],
  ['organization_name', 'acme'],
  ['space_id', 's1'],
  ['space_name', 'prod'],
];
const NOBODY: Said = { source: '' };
const NAMED: Said = { source: 'guid-1' };

/** What the section `push` of a configuration says for a tenant with these forced labels. */
async function rulesOf(section: object, forced: readonly Label[] = SHOP) {
  const { push } = await readConfig({ memoryBytes: 2 ** 30, values: { push: section } });
  return tenantRules(push!, { tenant: 'app:a', forced }); // the section is set
}

async function familyOf(section: object, said: Said = NAMED, family = 'queue_length') {
  return familyRules(await rulesOf(section), family, said);
}

describe('familyRules', () => {
  it('are those of the section, unless something stronger says otherwise', async () => {
    const section = { gauge: 'max', ttl: '1h', without: ['pod'], temporality: 'delta' };

    assert.deepEqual(await familyOf(section), {
      temporality: 'delta',
      gaugeMode: 'max',
      ttlMs: 3_600_000,
      without: new Set(['pod']),
    });
    assert.deepEqual(await familyOf({}), {
      temporality: 'cumulative',
      gaugeMode: 'last',
      ttlMs: 0,
      without: new Set(),
    });
  });

  it('are those of the strongest place: comment, header, rule, tenant, section', async () => {
    const section = { gauge: 'max', ttl: '1h' };
    const ofTenant = { ...section, tenants: [{ app: 'shop', gauge: 'min', ttl: '2h' }] };
    const ofRule = { ...ofTenant, rules: [{ families: 'queue_*', gauge: 'avg', ttl: '3h' }] };
    const header: Said = { source: '', gaugeMode: 'sum', ttlMs: 4_000 };
    const comment: Said = { ...header, commentGaugeMode: 'count' };

    const found = [
      await familyOf(section),
      await familyOf(ofTenant),
      await familyOf(ofRule),
      await familyOf(ofRule, header),
      await familyOf(ofRule, comment),
    ];

    assert.deepEqual(
      found.map(({ gaugeMode }) => gaugeMode),
      ['max', 'min', 'avg', 'sum', 'count'],
    );
    assert.deepEqual(
      found.map(({ ttlMs }) => ttlMs),
      [3_600_000, 7_200_000, 10_800_000, 4_000, 4_000],
    );
  });

  it('are key by key those of the first rule that fits and has the key', async () => {
    const rules = [
      { families: 'other', gauge: 'count', ttl: '9h', without: ['x'], temporality: 'cumulative' },
      { families: 'queue_length', gauge: 'sum' },
      { families: 'queue_*', gauge: 'avg', ttl: '1h', without: [] },
      { families: '*', ttl: '2h', without: ['y'], temporality: 'delta' },
    ];

    assert.deepEqual(await familyOf({ rules, without: ['pod'] }), {
      temporality: 'delta',
      gaugeMode: 'sum',
      ttlMs: 3_600_000,
      without: new Set(),
    });
  });

  it('take a ttl of 0 for one that has no end', async () => {
    const rules = [{ families: '*', ttl: '0s' }];

    assert.equal((await familyOf({ ttl: '1h', rules })).ttlMs, 0);
    assert.equal((await familyOf({ ttl: '1h' }, { source: '', ttlMs: 0 })).ttlMs, 0);
  });

  it('are cumulative only for clients that name themselves', async () => {
    const rules = [{ families: 'queue_*', temporality: 'cumulative' }];
    const insisting: Said = { source: '', temporality: 'cumulative' };
    const denying: Said = { source: 'guid-1', temporality: 'delta' };

    assert.equal((await familyOf({ rules }, NOBODY)).temporality, 'delta');
    assert.equal((await familyOf({ rules }, insisting)).temporality, 'delta');
    assert.equal((await familyOf({ temporality: 'delta', rules })).temporality, 'cumulative');
    assert.equal((await familyOf({ rules }, denying)).temporality, 'delta');
  });
});

describe('tenantRules', () => {
  it('fit by guid or by name, all globs of an entry together', async () => {
    const fits = async (entry: object, forced = SHOP) =>
      (await rulesOf({ tenants: [{ ...entry, job_mode: 'aggregate' }] }, forced)).jobMode ===
      'aggregate';

    assert.ok(await fits({ app: 'shop' }));
    assert.ok(await fits({ app: '7C9E6679-7425-40DE-944B-E07FC1F90AE7' }));
    assert.ok(await fits({ organization: 'ac*', space: 's1', app: 'sh*p' }));
    assert.ok(!(await fits({ organization: 'ac*', space: 's2' })));
    assert.ok(!(await fits({ app: 'Shop' })));
  });

  it('fit no tenant without the label, whatever the glob', async () => {
    const tenants = [{ app: '*', limits: { series: 7 } }];

    assert.equal((await rulesOf({ tenants }, [['space_id', 's1']])).limits.series, 10_000);
    assert.equal((await rulesOf({ tenants }, [])).limits.series, 10_000);
    assert.equal((await rulesOf({ tenants })).limits.series, 7);
  });

  it('have key by key the limits of the first entry that fits', async () => {
    const tenants = [
      { space: 'other', limits: { series: 1, labels: 1 } },
      { app: 'shop', limits: { series: 2, max_body: '1MiB' } },
      { space: 'prod', limits: { series: 3, sources: 4 } },
    ];

    const { limits } = await rulesOf({ tenants, limits: { groups: 5 } });

    assert.deepEqual([limits.series, limits.sources, limits.groups], [2, 4, 5]);
    assert.deepEqual([limits.maxBodyBytes, limits.labels], [2 ** 20, 64]);
  });

  it('say what the path job means: the tenant first, then the port, then the section', async () => {
    const modes = async (section: object) => {
      const { jobMode, portJobMode } = await rulesOf(section);
      return [jobMode, portJobMode];
    };
    const port = { port_job_mode: 'aggregate' };

    assert.deepEqual(await modes({}), ['replace', 'replace']);
    assert.deepEqual(await modes({ job_mode: 'aggregate' }), ['aggregate', 'aggregate']);
    assert.deepEqual(await modes(port), ['replace', 'aggregate']);
    assert.deepEqual(await modes({ ...port, tenants: [{ app: 'shop', job_mode: 'replace' }] }), [
      'replace',
      'replace',
    ]);
  });
});
