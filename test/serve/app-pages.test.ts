import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { hang, OPENMETRICS_TYPE, page, pageOf, status, TEXT_TYPE } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { routesJson } from '../support/foundation.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { type Promgate, startPromgate } from '../support/promgate.ts';
import { type RunningApp, startApp } from '../support/running-app.ts';
import type { Answer } from '../support/simulated-server.ts';
import { sendRaw } from './frame-server.ts';

interface Scene extends AsyncDisposable {
  readonly promgate: Promgate;
  readonly app: RunningApp;
}

async function startScene(
  answers: readonly Answer[],
  values: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const app = parts.use(await startApp({ name: 'shop' }, answers));
  const promgate = parts.use(await startPromgate({ apps: [app], values }));
  const held = parts.move();
  return { promgate, app, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** An instance that answers when the test opens the gate, each time with the next number. */
function gate(more = '') {
  let asked = 0;
  const open = new AbortController();
  const answer: Answer = async (exchange) => {
    asked++;
    const body = `a ${asked}\n${more}`;
    if (!open.signal.aborted) {
      await Promise.race([once(open.signal, 'abort'), once(exchange.signal, 'abort')]);
    }
    await page(body)(exchange);
  };
  return { answer, open: () => open.abort(), asked: () => asked };
}

/** Waits until so many requests are open, that for the metrics among them. */
async function untilOpen(promgate: Promgate, count: number): Promise<void> {
  await eventually(`${count} requests are open`, async () => {
    const text = await promgate.text('/metrics');
    return text.includes(`\npromgate_http_open_requests ${count}\n`) || undefined;
  });
}

/** A page that counts how often it was asked for. */
function counting() {
  let asked = 0;
  const answer = pageOf(() => `a ${++asked}\n`);
  return { answer, asked: () => asked };
}

const pathOf = (guid: string): string => `/v1/apps/${guid}/metrics`;

const numberIn = (text: string): string | undefined => /^a\{.*\} (\d+)$/m.exec(text)?.[1];

describe('app pages at the same time', () => {
  it('cost each instance one fetch, and are the same for all who ask', async () => {
    const [one, two] = [gate(), gate()];
    await using scene = await startScene([one.answer, two.answer]);
    const { promgate, app } = scene;

    const asking = Array.from({ length: 5 }, () => promgate.text(app.path));
    await untilOpen(promgate, 6);
    one.open();
    two.open();
    const texts = await Promise.all(asking);

    assert.deepEqual([one.asked(), two.asked()], [1, 1]);
    assert.deepEqual(new Set(texts).size, 1);
    assert.equal(texts[0]?.match(/^a\{/gm)?.length, 2);
    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_cache_requests_total\{system="apps",result="miss"\} 1$/m);
    assert.match(metrics, /^promgate_cache_requests_total\{system="apps",result="shared"\} 4$/m);
    assert.match(metrics, /^promgate_scrape_bytes_in_flight 0$/m);
  });

  it('are compressed once for all who take gzip, and the same as for the others', async () => {
    const lines = Array.from({ length: 50_000 }, (_, n) => `b{n="${n}"} 1\n`);
    const one = gate(lines.join(''));
    await using scene = await startScene([one.answer]);
    const { promgate, app } = scene;

    const asking = ['gzip', 'gzip', 'identity'].map((encoding) =>
      promgate.get(app.path, { headers: { 'Accept-Encoding': encoding } }),
    );
    await untilOpen(promgate, 4);
    one.open();
    const answers = await Promise.all(asking);
    const texts = await Promise.all(answers.map((answer) => answer.text()));

    assert.equal(one.asked(), 1);
    assert.equal(new Set(texts).size, 1);
    assert.deepEqual(
      answers.map(({ headers }) => headers.get('content-encoding')),
      ['gzip', 'gzip', null],
    );
    for (const { headers } of answers) assert.ok(Number(headers.get('content-length')) > 0);
  });

  it('are compressed once even if they are small', async () => {
    const one = gate();
    await using scene = await startScene([one.answer]);
    const { promgate, app } = scene;

    const asking = [1, 2].map(() => promgate.get(app.path));
    await untilOpen(promgate, 3);
    one.open();
    const answers = await Promise.all(asking);

    for (const answer of answers) {
      assert.equal(answer.headers.get('content-encoding'), 'gzip');
      assert.match(answer.headers.get('content-length') ?? 'none', /^\d+$/); // known before it is sent
      await answer.text();
    }
  });

  it('are the same for one reader of a small page, however it takes them', async () => {
    await using running = await startApp({ name: 'shop' }, [page('a 1\nb 2\n')]);
    await using promgate = await startPromgate({ apps: [running] });
    const { port } = new URL(promgate.url);
    const samples = (text: string): readonly string[] => text.match(/^[ab]\{.*$/gm) ?? [];

    const kept = await promgate.get(running.path, { headers: { 'Accept-Encoding': 'identity' } });
    const zipped = await promgate.get(running.path, { headers: { 'Accept-Encoding': 'gzip' } });
    const raw = ['HTTP/1.0', 'HTTP/1.1'].map((version) =>
      sendRaw(
        Number(port),
        `GET ${running.path} ${version}\r\nHost: h\r\nConnection: close\r\n\r\n`,
      ),
    );

    for (const { headers } of [kept, zipped]) {
      assert.match(headers.get('content-length') ?? 'none', /^\d+$/);
      assert.equal(headers.get('vary'), 'Accept, Accept-Encoding');
      assert.match(headers.get('date') ?? '', /GMT$/);
    }
    assert.equal(kept.headers.get('keep-alive'), 'timeout=95');
    assert.equal(zipped.headers.get('content-encoding'), 'gzip');
    const texts = await Promise.all([kept.text(), zipped.text(), ...raw]);
    assert.equal(samples(texts[0]!).length, 2);
    for (const text of texts) assert.deepEqual(samples(text), samples(texts[0]!));
    for (const text of await Promise.all(raw))
      assert.match(text, /^HTTP\/1.1 200 OK\r\n.*^Connection: close\r$/ms);
  });

  it('share nothing when what the instances are told differs', async () => {
    const one = gate();
    await using scene = await startScene([one.answer]);
    const { promgate, app } = scene;
    const headers = [
      { Authorization: 'Bearer a' },
      { Authorization: 'Bearer b' },
      { 'X-Tenant': 'a=bc' },
      { 'X-Tenanta': '=bc' },
      { Accept: 'application/openmetrics-text' },
      {},
    ];

    const asking = headers.map((one) => promgate.text(app.path, { headers: one }));
    asking.push(promgate.text(`${app.path}?metric_path=/other`));
    await eventually('each was asked for', () => one.asked() === 7 || undefined);
    one.open();
    const texts = await Promise.all(asking);

    assert.equal(new Set(texts.map(numberIn)).size, 7);
  });

  it('are shared by readers whose programs and traces differ', async () => {
    const one = gate();
    await using scene = await startScene([one.answer]);
    const { promgate, app } = scene;
    const headers = [
      { 'User-Agent': 'Prometheus/2.1', traceparent: '00-a' },
      { 'User-Agent': 'Prometheus/3.0', 'X-B3-TraceId': '1', 'X-Forwarded-For': '10.0.0.1' },
    ];

    const asking = headers.map((one) => promgate.text(app.path, { headers: one }));
    await untilOpen(promgate, 3);
    one.open();
    await Promise.all(asking);

    assert.equal(one.asked(), 1);
  });

  it('give each reader at its own deadline what has arrived, and the last one all', async () => {
    const slow = gate();
    await using scene = await startScene([page('a 7\n'), slow.answer]);
    const { promgate, app } = scene;
    const timeout = (seconds: string) => ({
      headers: { 'X-Prometheus-Scrape-Timeout-Seconds': seconds },
    });

    const long = promgate.text(app.path, timeout('30'));
    await eventually('the slow instance was asked', () => slow.asked() || undefined);
    const short = await promgate.text(app.path, timeout('0.8'));
    slow.open();
    const all = await long;

    assert.equal(slow.asked(), 1);
    assert.equal(short.match(/^a\{.*\} 7$/gm)?.length, 1);
    assert.match(short, /^promgate_instance_up\{.*index="1".*\} 0$/m);
    assert.match(short, /^promfetcher_scrape_error\{.*index="1".*error="timeout"\} 1$/m);
    assert.equal(all.match(/^a\{/gm)?.length, 2);
    assert.match(all, /^promgate_instance_up\{.*index="1".*\} 1$/m);
    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_fetch_failures_total\{failure="timeout"\} 0$/m);
    assert.match(metrics, /^promgate_scrape_bytes_in_flight 0$/m);
  });

  it('go on for the others when the one who asked first leaves', async () => {
    const one = gate();
    await using scene = await startScene([one.answer]);
    const { promgate, app } = scene;
    const leave = new AbortController();

    const first = promgate.text(app.path, { signal: leave.signal });
    await eventually('the instance was asked', () => one.asked() || undefined);
    const second = promgate.text(app.path);
    await untilOpen(promgate, 3);
    leave.abort();
    await assert.rejects(first);
    one.open();

    assert.equal(numberIn(await second), '1');
    assert.equal(one.asked(), 1);
  });
});

describe('app pages that are kept', () => {
  const kept = { cache: { mode: 'ttl', ttl: '1h' } };

  it('go out from the cache, marked, in each encoding', async () => {
    const one = counting();
    await using scene = await startScene([one.answer], kept);
    const { promgate, app } = scene;

    const first = await promgate.get(app.path);
    const text = await first.text();
    const again = await promgate.get(app.path);
    const zipped = await promgate.get(app.path, { headers: { 'Accept-Encoding': 'gzip' } });

    assert.equal(first.headers.get('x-cache'), 'MISS');
    assert.equal(again.headers.get('x-cache'), 'HIT');
    assert.equal(again.headers.get('age'), '0');
    assert.match(again.headers.get('cache-status') ?? '', /^promgate; hit; ttl=359\d$/);
    assert.equal(await again.text(), text);
    assert.equal(zipped.headers.get('x-cache'), 'HIT');
    assert.equal(await zipped.text(), text);
    assert.equal(one.asked(), 1);
    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_cache_entries\{system="apps"\} 1$/m);
    assert.match(metrics, /^promgate_scrape_bytes_in_flight 0$/m);
  });

  it('are gone at once when an instance leaves, joins or changes', async () => {
    const [one, two] = [counting(), counting()];
    await using scene = await startScene([one.answer, two.answer], kept);
    const { promgate, app } = scene;
    await promgate.text(app.path);

    promgate.gorouter.routes = routesJson([{ ...app, addresses: app.addresses.slice(0, 1) }]);
    const left = await eventually('one instance is left', async () => {
      const text = await promgate.text(app.path);
      return text.match(/^a\{/gm)?.length === 1 ? text : undefined;
    });
    promgate.gorouter.routes = routesJson([app]);
    await eventually('both are back', async () => {
      const text = await promgate.text(app.path);
      return text.match(/^a\{/gm)?.length === 2 || undefined;
    });

    assert.equal(numberIn(left), '2');
    assert.equal(one.asked(), 3);
  });

  it('are gone at once when an address goes to another app, or an instance to another process', async () => {
    const one = counting();
    await using scene = await startScene([one.answer], {
      cache: { ...kept.cache, stale_if_error: '1h' },
    });
    const { promgate, app } = scene;
    const gzip = { headers: { 'Accept-Encoding': 'gzip' } };
    for (let read = 0; read < 3; read++) await promgate.text(app.path, gzip);
    assert.equal(one.asked(), 1);

    promgate.gorouter.routes = routesJson([{ ...app, revision: 'next' }]);
    await eventually('the other process is asked', async () => {
      return numberIn(await promgate.text(app.path, gzip)) === '2' || undefined;
    });
    promgate.gorouter.routes = routesJson([{ ...app, name: 'thief' }]);
    const lost = await eventually('the app has lost its address', async () => {
      const answer = await promgate.get(app.path, gzip);
      return answer.status === 404 ? answer.text() : undefined;
    });
    const others = await promgate.text(app.path.replace('/shop/', '/thief/'), gzip);

    assert.match(lost, /^404 /);
    assert.match(others, /^a\{.*app_name="thief".*\} 3$/m);
    await eventually('the pages of the app are gone', async () => {
      const text = await promgate.text('/metrics');
      return text.includes('\npromgate_cache_entries{system="apps"} 1\n') || undefined;
    });
  });

  it('that lack an instance go to no reader who can wait longer for it', async () => {
    let asked = 0;
    const slow: Answer = (exchange) => page(`a ${++asked}\n`, { delayMs: 700 })(exchange);
    await using scene = await startScene([page('b 1\n'), slow], kept);
    const { promgate, app } = scene;
    const ask = async (seconds: string) => {
      const headers = { 'X-Prometheus-Scrape-Timeout-Seconds': seconds };
      const answer = await promgate.get(app.path, { headers });
      return `${answer.headers.get('x-cache')} ${numberIn(await answer.text())}`;
    };

    assert.equal(await ask('0.6'), 'MISS undefined');
    assert.equal(await ask('0.6'), 'HIT undefined');
    assert.equal(await ask('20'), 'MISS 2');
    assert.equal(await ask('0.6'), 'HIT 2');
    assert.equal(await ask('20'), 'HIT 2');
  });

  it('that no instance gave in time are asked for again by the next reader', async () => {
    let asked = 0;
    const slow: Answer = (exchange) => (++asked === 1 ? hang : page(`a ${asked}\n`))(exchange);
    const cache = { ...kept.cache, failed: '1h' };
    await using scene = await startScene([slow], { cache });
    const { promgate, app } = scene;
    const headers = { 'X-Prometheus-Scrape-Timeout-Seconds': '0.6' };

    assert.equal(numberIn(await promgate.text(app.path, { headers })), undefined);

    assert.equal(numberIn(await promgate.text(app.path)), '2');
  });

  it('never go to a reader with another credential', async () => {
    const echo = pageOf(({ headers }) => `a{who="${headers['authorization']}"} 1\n`);
    await using scene = await startScene([echo], kept);
    const { promgate, app } = scene;
    const ask = (Authorization: string) => promgate.text(app.path, { headers: { Authorization } });

    const texts = [await ask('Basic a'), await ask('Basic b'), await ask('Basic a')];

    const who = texts.map((text) => /who="Basic (.)"/.exec(text)?.[1]);
    assert.deepEqual(who, ['a', 'b', 'a']);
  });

  it('never go to a reader who asked otherwise, whoever asks for what at the same time', async () => {
    const echo = pageOf(({ target, headers }) => {
      return `a{who="${headers['authorization'] ?? 'nobody'}",path="${target}"} 1\n`;
    });
    const cache = { ...kept.cache, mode: 'background', with_credentials: true };
    await using scene = await startScene([echo, echo], { cache });
    const { promgate, app } = scene;
    const asks = fc.record({
      who: fc.constantFrom('nobody', 'Basic a', 'Basic ab', 'Basic aa'),
      path: fc.constantFrom('/a', '/b', '/a%20b'),
      gzip: fc.boolean(),
    });

    await fc.assert(
      fc.asyncProperty(fc.array(asks, { minLength: 1, maxLength: 20 }), async (list) => {
        const texts = await Promise.all(
          list.map(({ who, path, gzip }) =>
            promgate.text(`${app.path}?metric_path=${encodeURIComponent(path)}`, {
              headers: {
                ...(who === 'nobody' ? {} : { Authorization: who }),
                'Accept-Encoding': gzip ? 'gzip' : 'identity',
              },
            }),
          ),
        );
        for (const [at, { who, path }] of list.entries()) {
          const samples = texts[at]?.match(/^a\{.*$/gm) ?? [];
          assert.equal(samples.length, 2);
          for (const sample of samples) assert.ok(sample.includes(`who="${who}",path="${path}"`));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('are not kept when the instance refuses the credential', async () => {
    let allowed = true;
    const answer: Answer = (exchange) => (allowed ? page('a 1\n') : status(403))(exchange);
    await using scene = await startScene([answer], { cache: { mode: 'ttl', ttl: '0s' } });
    const { promgate, app } = scene;
    const headers = { Authorization: 'Basic a' };
    await promgate.text(app.path, { headers });

    allowed = false;
    await eventually('the refusal shows', async () => {
      const text = await promgate.text(app.path, { headers });
      return /promgate_instance_up\{.*\} 0/.test(text) || undefined;
    });

    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_cache_entries\{system="apps"\} 0$/m);
  });

  it('go out marked as stale when all instances fail', async () => {
    let works = true;
    const answer: Answer = (exchange) => (works ? page('a 1\n') : status(500))(exchange);
    const cache = { mode: 'ttl', ttl: '0s', stale_while_revalidate: '0s', stale_if_error: '1h' };
    await using scene = await startScene([answer], { cache });
    const { promgate, app } = scene;
    await promgate.text(app.path);

    works = false;
    const answered = await promgate.get(app.path);

    assert.equal(answered.headers.get('x-cache'), 'STALE');
    assert.equal(numberIn(await answered.text()), '1');
  });

  it('go out marked as stale while they are loaded anew', async () => {
    const one = counting();
    const cache = { mode: 'ttl', ttl: '0s', stale_while_revalidate: '1h' };
    await using scene = await startScene([one.answer], { cache });
    const { promgate, app } = scene;
    await promgate.text(app.path);

    const answered = await promgate.get(app.path);

    assert.equal(answered.headers.get('x-cache'), 'STALE');
    assert.equal(numberIn(await answered.text()), '1');
    await eventually('a new page', async () => {
      return Number(numberIn(await promgate.text(app.path))) >= 2 || undefined;
    });
  });

  it('say that the instances are down once they are too old', async () => {
    let works = true;
    const answer: Answer = (exchange) => (works ? page('a 1\n') : status(500))(exchange);
    const life = { ttl: '0s', stale_while_revalidate: '0s', stale_if_error: '100ms' };
    await using scene = await startScene([answer], { cache: { mode: 'ttl', ...life } });
    const { promgate, app } = scene;
    await promgate.text(app.path);

    works = false;
    const text = await eventually('the page to be gone', async () => {
      const answered = await promgate.get(app.path);
      const body = await answered.text();
      return answered.headers.get('x-cache') === 'STALE' ? undefined : body;
    });

    assert.match(text, /^promgate_instance_up\{.*\} 0$/m);
    assert.equal(numberIn(text), undefined);
  });

  it('are logged and counted as any other when they go out before koa', async () => {
    const one = counting();
    await using scene = await startScene([one.answer, one.answer], kept);
    const { promgate, app } = scene;
    for (let count = 0; count < 4; count++) await promgate.text(`${app.path}?token=secret`);

    const lines = promgate.log.filter(({ fields }) => fields['path'] === app.path);
    const [first, ...hits] = lines.map(({ level, message, fields: { ms, bytes, ...fields } }) => ({
      ...{ level, message, fields, took: Number(ms) >= 0, sent: Number(bytes) > 0 },
    }));
    assert.equal(hits.length, 3);
    for (const hit of hits) assert.deepEqual(hit, first);
    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_http_requests_total\{handler="apps",code="200"\} 4$/m);
    assert.match(metrics, /^promgate_cache_requests_total\{system="apps",result="hit"\} 3$/m);
  });

  it('go by path, app, space or all when an operator purges them', async () => {
    const one = counting();
    await using scene = await startScene([one.answer], kept);
    const { promgate, app } = scene;
    const purge = async (query: string): Promise<string> => {
      const answer = await promgate.get(`/-/purge${query}`, { method: 'POST' });
      return `${answer.status} ${(await answer.text()).trim()}`;
    };
    const space = /space_id="([^"]+)"/.exec(await promgate.text(app.path))?.[1];

    for (const query of [
      `?key=${encodeURIComponent(app.path)}`,
      `?app=${app.guid.toUpperCase()}`,
      `?tag=space:${space}`,
      '?all',
    ]) {
      assert.equal(await purge(query), '200 {"purged":1}', query);
      assert.equal(await purge(query), '200 {"purged":0}', query);
      await promgate.text(app.path);
    }

    assert.equal(one.asked(), 5);
    for (const query of ['', '?', '?key=', '?app=a&key=b', '?every', '?all=1']) {
      assert.match(await purge(query), /^400 .*one parameter/);
    }
    assert.equal((await promgate.get('/-/purge')).status, 405);
  });

  it('go by each path that they were read by', async () => {
    const one = counting();
    await using scene = await startScene([one.answer], kept);
    const { promgate, app } = scene;
    const paths = [app.path, ...[app.guid, app.guid.toUpperCase()].map(pathOf)];
    const purge = async (path: string): Promise<string> => {
      const key = encodeURIComponent(path);
      return (await promgate.get(`/-/purge?key=${key}`, { method: 'POST' })).text();
    };

    for (const path of paths) {
      for (const read of paths) await promgate.text(read);
      assert.equal(await purge(path), '{"purged":1}\n');
      assert.equal(await purge(path), '{"purged":0}\n');
    }

    assert.equal(one.asked(), paths.length);
  });

  it('are kept as long as a binding says, in any mode', async () => {
    const one = counting();
    await using parts = new AsyncDisposableStack();
    const app = parts.use(await startApp({ name: 'shop' }, [one.answer]));
    const database = { url: 'sqlite::memory:' };
    const values = { broker: BROKER, database };
    const promgate = parts.use(await startPromgate({ apps: [app], values }));
    await promgate.text(app.path);
    await promgate.text(app.path);
    assert.equal(one.asked(), 2);

    const platform = new Platform({ url: promgate.url });
    const spaceId = /space_id="([^"]+)"/.exec(await promgate.text(app.path))?.[1] ?? '';
    await eventually('the broker is ready', async () => {
      return (await platform.createService('s', spaceId)).status < 300 || undefined;
    });
    const parameters = { cache: '5m' };
    const bound = await platform.bind('s', 'b', { appId: app.guid, spaceId, parameters });
    assert.equal(bound.status, 201);
    await eventually('the page is kept', async () => {
      const answer = await promgate.get(app.path);
      await answer.text();
      return answer.headers.get('x-cache') === 'HIT' || undefined;
    });

    const before = one.asked();
    await promgate.text(app.path);
    assert.equal(one.asked(), before);

    await platform.unbind('s', 'b');
    assert.equal((await promgate.get(app.path)).headers.get('x-cache'), null);
  });

  it('are refreshed shortly before they are read again', async () => {
    const one = counting();
    const cache = { mode: 'background', ttl: '1h', refresh: '100ms', min_interval: '100ms' };
    await using scene = await startScene([one.answer], { cache });
    const { promgate, app } = scene;
    await promgate.text(app.path);

    await eventually('a later page is kept', async () => {
      const answer = await promgate.get(app.path);
      assert.equal(answer.headers.get('x-cache'), 'HIT');
      return Number(numberIn(await answer.text())) >= 3 || undefined;
    });
  });

  it('count as in flight once the cache drops them, while readers that stopped hold them', async () => {
    const lines = Array.from({ length: 200_000 }, (_, n) => `b{n="${n}",of="a${n * 7919}"} ${n}\n`);
    const cache = { ...kept.cache, max_bytes: '16MiB' };
    const values = { cache, scrape: { max_bytes: '40MiB' } };
    await using scene = await startScene([page(lines.join(''))], values);
    const { promgate, app } = scene;
    const inFlight = async (): Promise<number> => {
      const text = await promgate.text('/metrics');
      return Number(/^promgate_scrape_bytes_in_flight (\d+)$/m.exec(text)?.[1]);
    };
    const readers: Socket[] = [];
    for (let reader = 0; reader < 8; reader++) {
      const { hostname, port } = new URL(promgate.url);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(`GET ${app.path} HTTP/1.1\r\nHost: a\r\nX-Reader: ${reader}\r\n\r\n`);
      await once(socket, 'readable');
      readers.push(socket);
      assert.ok((await inFlight()) <= 41_943_040);
    }
    const text = await promgate.text('/metrics');

    assert.match(text, /^promgate_cache_entries\{system="apps"\} [01]$/m);
    assert.ok((await inFlight()) > 0);
    for (const socket of readers) socket.destroy();
    await eventually('all is given back', async () => (await inFlight()) === 0 || undefined);
  });

  it('say what they are, also when a refresh has changed their format', async () => {
    let isOpenMetrics = true;
    const answer: Answer = (exchange) => {
      const contentType = isOpenMetrics ? OPENMETRICS_TYPE : TEXT_TYPE;
      return page(isOpenMetrics ? 'a 1\n# EOF\n' : 'a 2\n', { contentType })(exchange);
    };
    const cache = { mode: 'background', ttl: '1h', refresh: '100ms', min_interval: '100ms' };
    await using scene = await startScene([answer], { cache });
    const { promgate, app } = scene;
    const headers = { Accept: `${OPENMETRICS_TYPE},text/plain;q=0.5`, 'Accept-Encoding': 'gzip' };
    const ask = async () => {
      const answered = await promgate.get(app.path, { headers });
      return { type: answered.headers.get('content-type'), text: await answered.text() };
    };
    for (let read = 0; read < 5; read++) assert.equal((await ask()).type, OPENMETRICS_TYPE);

    isOpenMetrics = false;
    const { type, text } = await eventually('the page is refreshed', async () => {
      const answered = await ask();
      return numberIn(answered.text) === '2' ? answered : undefined;
    });

    assert.equal(type, TEXT_TYPE);
    assert.ok(!text.includes('# EOF'));
  });

  it('are not refreshed with a credential that an instance has refused', async () => {
    let allowed = true;
    const answer: Answer = (exchange) => (allowed ? page('a 1\n') : status(403))(exchange);
    const pace = { ttl: '0s', stale_while_revalidate: '0s', refresh: '1h' };
    const cache = { mode: 'background', ...pace, with_credentials: true };
    await using scene = await startScene([answer], { cache });
    const { promgate, app } = scene;
    const headers = { Authorization: 'Basic a' };
    await promgate.text(app.path, { headers });
    const jobs = /^promgate_cache_refresh_jobs\{system="apps"\} (\d)$/m;
    assert.equal(jobs.exec(await promgate.text('/metrics'))?.[1], '1');

    allowed = false;
    await promgate.text(app.path, { headers });

    assert.equal(jobs.exec(await promgate.text('/metrics'))?.[1], '0');
  });

  it('are not refreshed when they are too large to be kept', async () => {
    const lines = Array.from({ length: 1_000 }, (_, n) => `b{n="${n}"} 1\n`);
    const one = pageOf(() => lines.join(''));
    const pace = { ttl: '1h', refresh: '100ms', min_interval: '100ms' };
    const cache = { mode: 'background', ...pace, max_bytes: '10KiB' };
    await using scene = await startScene([one], { cache });
    const { promgate, app } = scene;
    await promgate.text(app.path);

    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_cache_entries\{system="apps"\} 0$/m);
    assert.match(metrics, /^promgate_cache_refresh_jobs\{system="apps"\} 0$/m);
    assert.match(metrics, /^promgate_scrape_bytes_in_flight 0$/m);
  });

  it('are not refreshed with the credential of a reader, unless that is allowed', async () => {
    for (const allowed of [false, true]) {
      const one = counting();
      const pace = { ttl: '1h', refresh: '100ms', min_interval: '100ms' };
      const cache = { mode: 'background', ...pace, with_credentials: allowed };
      await using scene = await startScene([one.answer], { cache });
      const { promgate, app } = scene;

      await promgate.text(app.path, { headers: { Authorization: 'Basic a' } });

      const metrics = await promgate.text('/metrics');
      const jobs = allowed ? 1 : 0;
      assert.match(
        metrics,
        new RegExp(`^promgate_cache_refresh_jobs\\{system="apps"\\} ${jobs}$`, 'm'),
      );
    }
  });
});
