/** Any sequence of requests to the push gateway, against a simple model of what it must hold. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SLOW_MS } from '../support/limits.ts';
import { type PushServer, servePush } from './push-server.ts';

/** Series with its labels -> value. */
class Model {
  readonly added = new Map<string, number>();
  /** Path of a group -> family -> value. */
  readonly groups = new Map<string, Map<string, number>>();
  readonly keys = new Map<string, string>();

  lines(): string[] {
    const lines = [...this.added].map(([series, value]) => `${series} ${value}`);
    for (const [group, families] of this.groups) {
      for (const [family, value] of families)
        lines.push(`${family}{instance="",${group}} ${value}`);
    }
    return lines.sort();
  }
}

interface Real {
  gate: PushServer;
}

type Command = fc.AsyncCommand<Model, Real>;

/** Sends a request, checks its status, and that the gateway holds what the model does. */
async function ask(
  { gate }: Real,
  model: Model,
  request: readonly [
    method: string,
    rest: string,
    body?: string | undefined,
    headers?: Record<string, string>,
  ],
  status: number,
): Promise<void> {
  const answer = await gate.send(...request);
  assert.equal(answer.status, status, `${request.join(' ')}: ${answer.text}`);
  assert.deepEqual(
    gate.lines().filter((line) => !line.startsWith('push_')),
    model.lines(),
    request.join(' '),
  );
}

const command = (name: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
});

const page = (family: string, value: number): string =>
  `# TYPE ${family} counter\n${family} ${value}\n`;

const counter = fc.constantFrom('a_total', 'b_total');
const value = fc.integer({ min: 0, max: 1_000 });
const label = fc.constantFrom('x', 'y z', '');
const braces = (labels: string): string => (labels === '' ? '' : `{kind="${labels}"}`);

/** Pushes that add: `PATCH`, `POST /metrics`, and paths with labels, some with a key. */
const adding = fc
  .record({
    way: fc.constantFrom('patch', 'post', 'path'),
    counter,
    value,
    label,
    key: fc.option(fc.constantFrom('k1', 'k2')),
  })
  .map(({ way, counter: family, value: amount, label: kind, key }) => {
    const query = kind === '' ? '' : `kind=${encodeURIComponent(kind)}&`;
    const labels = way === 'post' ? '' : kind;
    const path = labels === '' ? '' : `/kind/${encodeURIComponent(labels)}`;
    const request =
      way === 'patch'
        ? (['PATCH', `/${family}?${query}_value=${amount}`, undefined] as const)
        : (['POST', path, page(family, amount)] as const);
    return command(`${request.join(' ')} ${key ?? ''}`, async (model, real) => {
      const said = request.join(' ');
      const known = key === null ? undefined : model.keys.get(key);
      const ok = way === 'path' && path !== '' ? 202 : 200;
      const series = family + braces(labels);
      if (known === undefined) model.added.set(series, (model.added.get(series) ?? 0) + amount);
      if (key !== null) model.keys.set(key, known ?? said);
      const status = known === undefined || known === said ? ok : 422;
      await ask(real, model, [...request, key === null ? {} : { 'Idempotency-Key': key }], status);
    });
  });

const deleting = fc.record({ counter, label }).map(({ counter: family, label: kind }) => {
  const query = kind === '' ? '' : `?kind=${encodeURIComponent(kind)}`;
  return command(`DELETE ${family}${query}`, async (model, real) => {
    for (const series of [...model.added.keys()]) {
      const fits = kind === '' ? series.startsWith(family) : series === family + braces(kind);
      if (fits) model.added.delete(series);
    }
    await ask(real, model, ['DELETE', `/${family}${query}`], 200);
  });
});

const group = fc.constantFrom('one', 'two');
const gauge = fc.constantFrom('g', 'h');

const replacing = fc
  .record({ method: fc.constantFrom('PUT', 'POST'), group, gauge, value, isEmpty: fc.boolean() })
  .map(({ method, group: job, gauge: family, value: amount, isEmpty }) => {
    const body = isEmpty ? '' : `# TYPE ${family} gauge\n${family} ${amount}\n`;
    return command(`${method} /job/${job} ${body}`, async (model, real) => {
      const key = `job="${job}"`;
      const before = method === 'PUT' ? [] : (model.groups.get(key) ?? []);
      model.groups.set(key, new Map([...before, ...(isEmpty ? [] : [[family, amount] as const])]));
      await ask(real, model, [method, `/job/${job}`, body], 200);
    });
  });

const removing = group.map((job) =>
  command(`DELETE /job/${job}`, async (model, real) => {
    model.groups.delete(`job="${job}"`);
    await ask(real, model, ['DELETE', `/job/${job}`], 202);
  }),
);

const REFUSED: readonly (readonly [string, string, string])[] = [
  ['POST', '', 'a_total 1\nb_total\n'],
  ['POST', '', '# TYPE new_total counter\nnew_total 1\n# TYPE a_total counter\na_total -1\n'],
  ['POST', '/kind/x', 'c_total{kind="x"} 1\n'],
  ['PUT', '/job/one', 'g 1\ng 1\n'],
  ['PUT', '/job/two', 'g 1 123\n'],
  ['PATCH', '/a_total?_value=Inf', ''],
];

/** A refused request changes nothing, but for the time that Pushgateway notes in a group. */
const refused = fc.constantFrom(...REFUSED).map(([method, rest, body]) =>
  command(`refused ${method} ${rest} ${body}`, async (model, real) => {
    const job = /^\/job\/(.*)/.exec(rest)?.[1];
    const key = `job="${job}"`;
    if (job !== undefined && !model.groups.has(key)) model.groups.set(key, new Map());
    await ask(real, model, [method, rest, body], 400);
  }),
);

const wiping = fc.constant(
  command('DELETE /__all', async (model, real) => {
    model.added.clear();
    model.groups.clear();
    await ask(real, model, ['DELETE', '/__all'], 200);
  }),
);

describe('the push gateway', function () {
  this.timeout(SLOW_MS);

  it('holds what a simple model says, after any requests', async () => {
    const all = [adding, adding, deleting, replacing, replacing, removing, refused, wiping];
    await fc.assert(
      fc.asyncProperty(fc.commands(all, { maxCommands: 25 }), async (commands) => {
        await using gate = await servePush();
        await fc.asyncModelRun(() => ({ model: new Model(), real: { gate } }), commands);
        assert.deepEqual(gate.mistakes, []);
      }),
      { numRuns: 40 },
    );
  });
});
