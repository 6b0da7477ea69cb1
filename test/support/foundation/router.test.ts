/** The simulated gorouter answers as the real one: pinning by both headers, and its errors. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { World } from '../cf-api/world.ts';
import { type Cells, startCells } from './cells.ts';
import { type Router, startRouter } from './router.ts';

interface Said {
  readonly status: number | undefined;
  readonly word: string | undefined;
  /** The process and index that the instance says it is. */
  readonly who: string;
}

describe('the simulated gorouter', () => {
  const parts = new AsyncDisposableStack();
  const world = new World(Date.now);
  const app = world.push({ name: 'shop', space: world.space('acme', 'dev'), instances: 2 });
  let cells: Cells;
  let router: Router;
  before(async () => {
    cells = parts.use(await startCells());
    cells.follow(world);
    router = parts.use(await startRouter(world, cells));
  });
  after(() => parts.disposeAsync());

  const ask = (headers: Record<string, string>, host = 'shop.apps.example.com'): Promise<Said> =>
    new Promise((resolve, reject) => {
      const sent = request(
        `${router.url}/metrics`,
        { headers: { Host: host, ...headers } },
        (got) => {
          let text = '';
          got.on('data', (piece) => {
            text += piece;
          });
          got.on('end', () => {
            const [, index, process] = /own_index="(\d+)",own_process="([^"]+)"/.exec(text) ?? [];
            const word = got.headers['x-cf-routererror'];
            resolve({
              status: got.statusCode,
              word: typeof word === 'string' ? word : undefined,
              who: process === undefined ? '' : `${process}:${index}`,
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end();
    });

  it('pins by the app, and in a rolling deploy to the last process', async () => {
    const pinned = { 'X-CF-APP-INSTANCE': `${app.guid}:0` };
    assert.equal((await ask(pinned)).who, `${app.guid}:0`);

    const { next, old } = world.deploy(app);
    cells.follow(world);

    assert.equal((await ask(pinned)).who, `${next.guid}:0`);
    assert.equal((await ask({ 'X-CF-APP-INSTANCE': `${app.guid}:1` })).who, `${old.guid}:1`);
    for (const { guid } of [old, next]) {
      const byProcess = { 'X-CF-PROCESS-INSTANCE': `${guid}:0` };
      assert.equal((await ask(byProcess)).who, `${guid}:0`);
    }
  });

  it('heeds the app alone if both headers are sent', async () => {
    const both = { 'X-CF-APP-INSTANCE': `${app.guid}:1`, 'X-CF-PROCESS-INSTANCE': 'nonsense' };
    assert.equal((await ask(both)).who, `${app.guid}:1`);
  });

  it('refuses what it cannot read, and what does not run, by status and word', async () => {
    const invalid = (one: string): string => `invalid_cf_${one}_instance_header`;
    const upper = app.guid.toUpperCase();
    const cases: [Record<string, string>, string, number, string][] = [
      [{ 'X-CF-APP-INSTANCE': `${upper}:0` }, 'shop.apps.example.com', 400, invalid('app')],
      [{ 'X-CF-APP-INSTANCE': app.guid }, 'shop.apps.example.com', 400, invalid('app')],
      [{ 'X-CF-PROCESS-INSTANCE': 'x' }, 'shop.apps.example.com', 400, invalid('process')],
      [{ 'X-CF-APP-INSTANCE': `${app.guid}:9` }, 'shop.apps.example.com', 400, 'unknown_route'],
      [{ 'X-CF-APP-INSTANCE': `${app.guid}:0` }, 'none.apps.example.com', 400, 'unknown_route'],
      [{}, 'none.apps.example.com', 404, 'unknown_route'],
    ];
    for (const [headers, host, status, word] of cases) {
      const said = await ask(headers, host);
      assert.deepEqual([said.status, said.word], [status, word]);
    }
  });

  it('balances without a pin, and as an older one by a process', async () => {
    router.knowsProcesses = false;
    const seen = new Set<string>();
    for (let at = 0; at < 3; at++) {
      seen.add((await ask({ 'X-CF-PROCESS-INSTANCE': `${app.guid}:0` })).who);
    }
    router.knowsProcesses = true;
    assert.ok(seen.size > 1);
  });

  it('has no endpoints for a route of a stopped app', async () => {
    const gone = world.push({ name: 'gone', space: world.space('acme', 'dev') });
    world.stop(gone);
    cells.follow(world);
    const { status, word } = await ask({}, 'gone.apps.example.com');
    assert.deepEqual([status, word], [503, 'no_endpoints']);
  });
});
