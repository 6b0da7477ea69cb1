/** An API that lies: cycles, other hosts, wrong types, losses, halves, and texts without end. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CfApi } from '../../support/cf-api/api.ts';
import { type CfApiTest, startSource } from '../../support/cf-api/source.ts';
import type { WorldSpace } from '../../support/cf-api/world.ts';

function pushThree({ world }: CfApi, space: WorldSpace): void {
  for (const name of ['a', 'b', 'c']) world.push({ name, space });
}

/** A source that has read three apps, and reads every list again in each sweep. */
async function startTold(perPage?: number): Promise<CfApiTest> {
  const test = await startSource({ prepare: pushThree, fullIntervalMs: 1, perPage });
  await test.swept(1);
  assert.equal(test.table.sizes().apps, 3);
  return test;
}

const isApps = (url: URL): boolean => url.pathname === '/v3/apps';

describe('a CF API that lies', () => {
  it('by a cycle of pages ends a sweep at the first repetition, and loses no app', async () => {
    await using test = await startTold(2);
    const before = test.api.requests.length;
    test.api.lie = (json, url) => {
      if (!isApps(url)) return json;
      const resources = json.resources.length > 1 ? json.resources : [];
      kept ??= resources;
      return {
        ...json,
        resources: kept,
        pagination: { ...json.pagination, next: { href: url.href } },
      };
    };
    let kept: object[] | undefined;

    await test.sweepAgain();

    assert.match(
      test.told.errors[0]?.message ?? '',
      /^page 2 of apps has only what earlier pages had/,
    );
    assert.equal(test.told.errors[0]?.fault, 'pages');
    assert.ok(test.api.requests.length - before <= 4);
    assert.equal(test.table.sizes().apps, 3);
  });

  it('by new apps without end is given up at the bound on apps', async () => {
    await using test = await startSource({
      ...{ prepare: pushThree, perPage: 10, maxApps: 30, requestsPerMinute: 1000 },
    });
    let made = 0;
    const guid = (): string => {
      made += 1;
      return `app-${made}`;
    };
    test.api.lie = (json, url) => {
      if (!isApps(url)) return json;
      const [first] = json.resources;
      const resources = Array.from({ length: 10 }, () => ({
        ...first,
        guid: guid(),
      }));
      return { ...json, resources, pagination: { total_results: 9e9, next: { href: url.href } } };
    };

    await test.swept(1);

    assert.match(
      test.told.errors[0]?.message ?? '',
      /the list of apps has no end after 3 pages with 30/,
    );
  });

  it('by pages on another host sends no token there, and is read whole', async () => {
    const visits: string[] = [];
    const other = createServer((request, response) => {
      visits.push(request.url ?? '');
      response.end();
    });
    await using parts = new AsyncDisposableStack();
    parts.defer(() => void other.close());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo; // it listens on a port
    const evil = `http://127.0.0.1:${port}/v3/apps?page=2`;
    await using test = await startSource({ prepare: pushThree, perPage: 2, fullIntervalMs: 1 });
    test.api.lie = (json) =>
      json.pagination.next
        ? { ...json, pagination: { ...json.pagination, next: { href: evil } } }
        : json;
    await test.swept(1);
    test.api.fault = (_, response, url) => {
      if (!isApps(url)) return false;
      response.writeHead(302, { Location: evil }).end();
      return true;
    };
    await test.sweepAgain();

    assert.equal(test.table.sizes().apps, 3);
    assert.deepEqual(test.told.polls, ['new', 'status']);
    assert.deepEqual(visits, []);
  });

  const bodies: [string, string, string][] = [
    ['null', 'null', 'shape'],
    ['a number', '5', 'shape'],
    ['a list', '[]', 'shape'],
    ['no pagination', '{"resources":[]}', 'shape'],
    ['resources that are no list', '{"pagination":{"total_results":0},"resources":{}}', 'shape'],
    ['a total that is a text', '{"pagination":{"total_results":"3"},"resources":[]}', 'shape'],
    ['a total below zero', '{"pagination":{"total_results":-1},"resources":[]}', 'shape'],
    ['half of a page', '{"pagination":{"total_results":1},"resources":[{"guid":"a"', 'json'],
    ['nothing', '', 'json'],
    ['a page of HTML', '<html>maintenance</html>', 'json'],
    ['brackets without end', '['.repeat(200_000), 'json'],
  ];
  for (const [name, body, fault] of bodies) {
    it(`by ${name} fails with the word ${fault}, and the table stays`, async () => {
      await using test = await startTold();
      test.api.fault = (_, response, url) => {
        if (!isApps(url)) return false;
        response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
        return true;
      };

      await test.sweepAgain();

      assert.equal(test.told.errors[0]?.fault, fault);
      assert.equal(test.table.sizes().apps, 3);
    });
  }

  it('by a page that breaks off is asked a second time, then unreachable', async () => {
    await using test = await startTold();
    test.api.fault = (request, response, url) => {
      if (!isApps(url)) return false;
      response.writeHead(200, { 'Content-Length': '5000' });
      response.write('{"pagination":', () => request.socket.destroy());
      return true;
    };

    await test.sweepAgain();

    assert.equal(test.told.errors[0]?.fault, 'unreachable');
    assert.equal(test.table.sizes().apps, 3);
  });

  it('by silence fails with the word timeout', async () => {
    await using test = await startSource({ timeoutMs: 100 });
    test.api.fault = (_request, _response, url) => isApps(url); // and never an answer

    await test.swept(1);

    assert.equal(test.told.errors[0]?.fault, 'timeout');
  });

  it('by resources of wrong types loses these alone, and counts them', async () => {
    await using test = await startSource({ prepare: pushThree });
    const wrong = [
      ...[null, 1, 'x', [], {}, { guid: 5 }, { guid: '../../etc', name: 'x' }],
      { guid: 'g', name: 'x', relationships: { space: { data: { guid: {} } } } },
      { guid: 'h', name: 'n'.repeat(2_000_000), relationships: { space: { data: { guid: 's' } } } },
      { guid: 'i'.repeat(100_000), name: 'x', relationships: { space: { data: { guid: 's' } } } },
    ];
    test.api.lie = (json, url) =>
      isApps(url)
        ? {
            pagination: { ...json.pagination, total_results: 3 + wrong.length },
            resources: [...wrong, ...json.resources],
            included: { ...json.included, spaces: [null, ...spacesOf(json)], organizations: 5 },
          }
        : json;

    await test.swept(1);

    assert.deepEqual(test.told.errors, []);
    assert.equal(test.table.sizes().apps, 3);
    assert.equal(test.told.refused['shape'], wrong.length + 1);
  });

  it('by one guid for several apps keeps one of them, and asks about what is missing', async () => {
    await using test = await startTold();
    const [a, b] = test.api.world.apps;
    test.api.lie = (json, url) => {
      if (!isApps(url) || url.searchParams.has('guids')) return json;
      const [first, , third] = json.resources;
      return { ...json, resources: [first, first, third] };
    };

    await test.sweepAgain();
    await test.sweepAgain();

    assert.equal(test.table.sizes().apps, 3);
    assert.ok(test.source.inventory.ofApp(a!.guid) && test.source.inventory.ofApp(b!.guid));
  });
});

describe('a CF API that loses what it had', () => {
  const nothing: NonNullable<CfApi['lie']> = (json) => ({
    ...{ pagination: { ...json.pagination, total_results: 0, next: null }, resources: [] },
  });

  it('is doubted once: an empty list changes nothing before the next sweep agrees', async () => {
    await using test = await startTold();
    test.api.lie = nothing;

    await test.sweepAgain();
    const doubted = test.table.sizes().apps;
    await test.sweepAgain();

    assert.equal(doubted, 3);
    assert.equal(test.told.losses[0], 'apps 0 of 3');
    assert.equal(test.table.sizes().apps, 0);
  });

  it('is forgotten when the next sweep has it again', async () => {
    await using test = await startTold();
    test.api.lie = nothing;
    await test.sweepAgain();
    test.api.lie = undefined;

    for (let at = 0; at < 3; at += 1) await test.sweepAgain();

    assert.equal(test.table.sizes().apps, 3);
    assert.equal(test.source.inventory.selected.size, 3);
  });

  it('is asked for everything in the sweep that decides, however long the full interval', async () => {
    await using test = await startSource({ prepare: pushThree });
    await test.swept(1);
    test.api.lie = (json, url) => (url.pathname === '/v3/routes' ? nothing(json, url) : json);

    await test.sweepAgain(); // of changes
    const before = test.api.requests.length;
    await test.sweepAgain();

    assert.equal(test.told.losses[0], 'routes 0 of 3');
    assert.ok(test.api.requests.slice(before).some((one) => one.includes('/v3/service_instances')));
  });

  it('is no reason for doubt where less than half is gone', async () => {
    await using test = await startTold();
    test.api.world.delete(test.api.world.apps[0]!);

    await test.sweepAgain();

    assert.deepEqual(test.told.losses, []);
    assert.equal(test.table.sizes().apps, 2);
  });
});

function spacesOf({ included }: { readonly included?: object }): readonly unknown[] {
  return (included as { spaces: unknown[] }).spaces; // as the simulated API has it
}
