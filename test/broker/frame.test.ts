/** What holds for every request: credential, version, form of paths and bodies, what is told of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  ADMIN,
  BIND,
  basic,
  DEVELOPER,
  IDS_QUERY,
  PROVISION,
  startBroker,
  VERSIONS,
} from './broker-server.ts';

const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;

const EVERY_ROUTE: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/catalog'],
  ['PUT', I],
  ['PATCH', I],
  ['DELETE', `${I}?${IDS_QUERY}`],
  ['GET', I],
  ['GET', `${I}/last_operation`],
  ['PUT', B],
  ['DELETE', `${B}?${IDS_QUERY}`],
  ['GET', B],
  ['GET', `${B}/last_operation`],
  ['GET', '/no/such/path'],
];

const bodyOf = (method: string) => (method === 'PUT' || method === 'PATCH' ? { body: {} } : {});

describe('broker frame', () => {
  for (const [method, path] of EVERY_ROUTE) {
    it(`answers 401 to ${method} ${path} without a right credential`, async () => {
      await using broker = await startBroker();
      for (const authorization of [
        '',
        'Basic',
        'Basic !',
        basic(''),
        basic('admin'),
        basic('admin:'),
        basic('admin:päss:wor'),
        basic('admin:secret'),
        basic('spock:spockpass'),
        `Bearer ${Buffer.from(ADMIN).toString('base64')}`,
      ]) {
        const { status, headers, json } = await broker.send(method, path, {
          ...bodyOf(method),
          credential: '',
          headers: authorization ? { Authorization: authorization } : {},
        });
        assert.equal(status, 401, authorization);
        assert.match(headers.get('www-authenticate') ?? '', /^Basic realm="/);
        assert.equal(headers.get('content-type'), 'application/json');
        assert.ok(json.description);
      }
      assert.deepEqual(
        broker.calls.map(({ account, operation }) => [account, operation]),
        Array(10).fill([undefined, 'none']),
      );
    });

    it(`answers 412 to ${method} ${path} in no version, or one that is not 2.x`, async () => {
      await using broker = await startBroker();
      for (const version of ['', '1.0', '3.0', '2', '2.', '2.x', '2.17.1', '12.17', '2.13, 2.14']) {
        const { status, headers, json } = await broker.send(method, path, {
          ...bodyOf(method),
          version,
        });
        assert.equal(status, 412, version);
        assert.equal(headers.get('content-type'), 'application/json');
        assert.match(json.description, /X-Broker-API-Version/);
      }
    });
  }

  it('accepts every 2.x', async () => {
    await using broker = await startBroker();
    for (const version of [...VERSIONS, '2.0', '2.12', '2.18', '2.999']) {
      assert.equal((await broker.send('GET', '/catalog', { version })).status, 200, version);
    }
  });

  it('lets every account in', async () => {
    await using broker = await startBroker();
    for (const credential of [ADMIN, DEVELOPER]) {
      assert.equal((await broker.send('GET', '/catalog', { credential })).status, 200);
    }
    assert.deepEqual(
      broker.calls.map(({ account }) => account),
      ['admin', 'developer'],
    );
  });

  it('lets nobody in when there is no account', async () => {
    await using broker = await startBroker({ accounts: [] });
    for (const credential of ['', ':', ADMIN]) {
      assert.equal((await broker.send('GET', '/catalog', { credential })).status, 401);
    }
  });

  it('leaves to others what is not below its prefix', async () => {
    await using broker = await startBroker();
    for (const path of ['/', '/broker', '/broker/v1', '/broker/v22/catalog', '/v2/catalog']) {
      const answer = await fetch(broker.url + path);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json', path);
    }
    assert.deepEqual(broker.calls, []);
  });

  it('reads a body whatever its Content-Type says', async () => {
    await using broker = await startBroker();
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'x']) {
      const { status } = await broker.send(
        'PUT',
        `/service_instances/${encodeURIComponent(type)}`,
        {
          body: PROVISION,
          headers: { 'Content-Type': type },
        },
      );
      assert.equal(status, 201);
    }
  });

  it('refuses a body above 4 MiB, also one that is far longer', async () => {
    await using broker = await startBroker();
    for (const [length, status] of [
      [4 * 2 ** 20, 201],
      [4 * 2 ** 20 + 1, 413],
      [8 * 2 ** 20, 413],
    ] as const) {
      const body = JSON.stringify(PROVISION).padEnd(length);
      const answer = await broker.send('PUT', I, { body });
      assert.equal(answer.status, status);
      if (status === 413) assert.match(answer.json.description, /4194304 bytes/);
    }
  });

  it('takes the annotations that Cloud Controller sends, and keeps none', async () => {
    await using broker = await startBroker();
    const annotations = { 'example.com/note': 'ä'.repeat(524_000) };
    const context = {
      ...{ organization_annotations: annotations, space_annotations: annotations },
      ...{ space_guid: 'space-1', app_annotations: annotations },
    };

    const provision = await broker.send('PUT', I, { body: { ...PROVISION, context } });
    const bind = await broker.send('PUT', B, { body: { ...BIND, context } });

    assert.deepEqual([provision.status, bind.status], [201, 201]);
    const stored = [...broker.store.instances.values(), ...broker.store.bindings.values()];
    assert.ok(JSON.stringify(stored).length < 4096);
  });

  for (const [title, value] of [
    ['a lone surrogate', '"\\ud800"'],
    ['U+0000', '["\\u0000"]'],
    ['U+0000 in a name', '{"\\u0000":1}'],
    ['a name of every object', '{"__proto__":{"toString":1},"constructor":null}'],
    ['depth', '['.repeat(2e6) + ']'.repeat(2e6)],
    ['width', `[${'[],'.repeat(1e6)}[]]`],
  ] as const) {
    it(`ignores what it does not read: ${title}`, async () => {
      await using broker = await startBroker();
      const with_ = (body: object, own: string) => `${JSON.stringify(body).slice(0, -1)},${own}}`;
      const inContext = `"context":{"space_guid":"space-1","app_annotations":${value}}`;
      const inResource = `"bind_resource":{"app_guid":"a","space_guid":"space-1","x":${value}}`;

      const statuses = [
        await broker.send('PUT', I, { body: with_(PROVISION, `"x":${value}`) }),
        await broker.send('PUT', I, { body: with_(PROVISION, inContext) }),
        await broker.send('PATCH', I, { body: with_(PROVISION, inContext) }),
        await broker.send('PUT', B, { body: with_(BIND, inResource) }),
      ].map(({ status }) => status);

      assert.deepEqual(statuses, [201, 200, 200, 201]);
    });
  }

  it('keeps no text that a database would not', async () => {
    await using broker = await startBroker();
    await broker.send('PUT', I, { body: PROVISION });
    for (const bad of ['\ud800', 'a\0']) {
      for (const own of [
        { bind_resource: { app_guid: bad, space_guid: 'space-1' } },
        { context: { space_guid: bad } },
        { parameters: { endpoint: `/${bad}` } },
        { parameters: { labels: { a: bad } } },
      ]) {
        const { status } = await broker.send('PUT', B, { body: { ...BIND, ...own } });
        assert.equal(status, 400, JSON.stringify(own));
      }
    }
  });

  it('is not impressed by depth', async () => {
    await using broker = await startBroker();
    const depth = 30_000;
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    for (const [field, status] of [
      ['x', 201],
      ['context', 201],
      ['parameters', 400],
      ['service_id', 400],
    ] as const) {
      const rest = JSON.stringify({ ...PROVISION, [field]: undefined }).slice(0, -1);
      const answer = await broker.send('PUT', `/service_instances/${field}`, {
        body: `${rest},"${field === 'context' ? 'y' : field}":${deep}}`,
      });
      assert.equal(answer.status, status, field);
    }
    await broker.send('PUT', I, { body: PROVISION });
    const rest = JSON.stringify(BIND).slice(0, -1);
    const bound = await broker.send('PUT', B, { body: `${rest},"parameters":{"labels":${deep}}}` });
    assert.equal(bound.status, 400);
  });

  it('keeps ids as they are, whatever their characters', async () => {
    await using broker = await startBroker();
    for (const id of ['a/b', '...', 'ü€😀', ' ', '%2F', '?', '__proto__', 'constructor', "'; --"]) {
      const path = `/service_instances/${encodeURIComponent(id)}`;
      assert.equal((await broker.send('PUT', path, { body: PROVISION })).status, 201, id);
      const bind = await broker.send(
        'PUT',
        `${path}/service_bindings/${encodeURIComponent(id)}%21`,
        {
          body: BIND,
        },
      );
      assert.equal(bind.status, 201);
      assert.ok(broker.store.instances.has(id));
      assert.equal(broker.store.bindings.get(`${id}!`)?.instanceId, id);
      assert.equal((await broker.send('GET', path)).status, 200);
    }
  });

  it('answers HEAD as GET, without the body', async () => {
    await using broker = await startBroker();
    const { status, headers, text } = await broker.send('HEAD', '/catalog');
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.equal(text, '');
    assert.equal((await broker.send('HEAD', I)).status, 404);
  });

  it('understands a target in absolute form', async () => {
    await using broker = await startBroker();
    const head = `GET http://promgate.example.com/broker/v2/catalog HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(ADMIN)}\r\nX-Broker-API-Version: 2.17\r\nConnection: close\r\n\r\n`;
    const socket = connect(Number(new URL(broker.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.end(head);
    assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n/);
  });

  it('sends the identity of the request back, and tells of it', async () => {
    await using broker = await startBroker();
    for (const [identity, expected] of [
      ['e26cee84-6b38-4456-b34e-d1a9f002c956', 'e26cee84-6b38-4456-b34e-d1a9f002c956'],
      ['x'.repeat(257), null],
      ['ü', null],
    ] as const) {
      const headers = { 'X-Broker-API-Request-Identity': identity };
      for (const credential of [ADMIN, '']) {
        const answer = await broker.send('GET', '/catalog', { headers, credential });
        assert.equal(answer.headers.get('x-broker-api-request-identity'), expected);
        assert.equal(broker.calls.at(-1)?.requestIdentity, expected ?? undefined);
      }
    }
  });

  it('tells for which user a request was made, and minds no malformed name', async () => {
    await using broker = await startBroker();
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
    for (const [header, expected] of [
      [`cloudfoundry ${encode({ user_id: '683ea748' })}`, '683ea748'],
      [`kubernetes ${encode({ username: 'duke', uid: 'c2dde242' })}`, 'duke'],
      [`cloudfoundry ${encode({ user_id: 7 })}`, undefined],
      [`cloudfoundry ${encode({ user_id: 'a\nb' })}`, undefined],
      [`cloudfoundry ${encode([])}`, undefined],
      [`cloudfoundry ${encode(null)}`, undefined],
      ['cloudfoundry bm8ganNvbg==', undefined],
      ['cloudfoundry !', undefined],
      ['cloudfoundry', undefined],
    ] as const) {
      const headers = { 'X-Broker-API-Originating-Identity': header };
      assert.equal((await broker.send('GET', '/catalog', { headers })).status, 200, header);
      assert.equal(broker.calls.at(-1)?.userId, expected, header);
    }
  });

  it('tells of each call what was asked and how it ended', async () => {
    await using broker = await startBroker();
    await broker.send('PUT', I, { body: PROVISION });
    await broker.send('PUT', B, { body: BIND });
    await broker.send('GET', '/service_instances/x%20y', { credential: DEVELOPER });
    assert.deepEqual(
      broker.calls.map(({ operation, status, account, instanceId, bindingId, error }) => [
        ...[operation, status, account, instanceId, bindingId, error?.reason],
      ]),
      [
        ['provision', 201, 'admin', 'i', '', undefined],
        ['bind', 201, 'admin', 'i', 'b', undefined],
        ['fetch-instance', 404, 'developer', 'x y', '', 'not-found'],
      ],
    );
  });

  it('lets nobody keep its answers', async () => {
    await using broker = await startBroker();
    await broker.send('PUT', I, { body: PROVISION });
    const { headers } = await broker.send('PUT', B, { body: BIND });
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  for (const [method, path, body] of [
    ['PUT', I, PROVISION],
    ['PATCH', I, PROVISION],
    ['DELETE', `${I}?${IDS_QUERY}`],
    ['GET', I],
    ['GET', `${I}/last_operation`],
    ['PUT', B, BIND],
    ['DELETE', `${B}?${IDS_QUERY}`],
    ['GET', B],
    ['GET', `${B}/last_operation`],
  ] as const) {
    it(`answers 503 to ${method} ${path} while the database is away, and goes on after`, async () => {
      await using broker = await startBroker();
      await broker.send('PUT', I, { body: PROVISION });
      await broker.send('PUT', B, { body: BIND });
      broker.store.away = true;

      const answer = await broker.send(method, path, body && { body });

      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.match(answer.json.description, /database/);
      assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
      assert.equal(broker.calls.at(-1)?.error?.reason, 'away');
      broker.store.away = false;
      assert.equal((await broker.send(method, path, body && { body })).status, 200);
    });
  }

  it('answers the catalog while the database is away', async () => {
    await using broker = await startBroker();
    broker.store.away = true;
    assert.equal((await broker.send('GET', '/catalog')).status, 200);
  });

  it('answers 500 in JSON to what it did not expect, and tells the cause to the log alone', async () => {
    const cause = new Error('the secret of the database');
    await using broker = await startBroker({
      baseUrl: () => {
        throw cause;
      },
    });
    const { status, json, text } = await broker.send('GET', '/catalog');
    assert.equal(status, 500);
    assert.ok(json.description);
    assert.ok(!text.includes('secret'));
    assert.equal(broker.calls[0]?.error?.cause, cause);
  });
});
