/** Tokens: every grant, their renewal, and a UAA that refuses or has no time. */
import assert from 'node:assert/strict';
import type { Credentials } from '../../../src/discover/cf-api/token.ts';
import type { CfApi } from '../../support/cf-api/api.ts';
import { startSource } from '../../support/cf-api/source.ts';
import type { WorldSpace } from '../../support/cf-api/world.ts';

const MINUTE_MS = 60_000;
const USER: Credentials = {
  ...{ kind: 'user', username: 'scraper', password: 'first', origin: undefined },
  ...{ clientId: 'cf', clientSecret: '' },
};

/** A user with a role in a space, as `cf create-user` and `cf set-space-role` make it. */
function addUser({ uaa, world }: CfApi, space: WorldSpace, origin = 'uaa'): void {
  uaa.clients.set('cf', { secret: '', scopes: [], spaces: [] });
  uaa.users.set('scraper', {
    ...{ password: 'first', origin, scopes: ['cloud_controller.read'], spaces: [space] },
  });
  world.push({ name: 'shop', space });
}

describe('the tokens of the CF API', () => {
  it('are granted to a client, and renewed before they expire', async () => {
    await using test = await startSource();

    while (test.clock.nowMs() < 60 * MINUTE_MS) await test.sweepAgain();

    assert.ok(!test.api.statuses.includes(401));
    assert.deepEqual(new Set(test.api.uaa.grants), new Set(['client_credentials']));
    assert.ok(test.api.uaa.grants.length <= 4, `${test.api.uaa.grants}`);
    assert.deepEqual(test.told.errors, []);
  });

  it('are renewed in time however short they live', async () => {
    await using test = await startSource({
      prepare: ({ uaa }) => {
        uaa.accessSeconds = 65;
      },
    });

    while (test.clock.nowMs() < 10 * MINUTE_MS) await test.sweepAgain();

    assert.ok(!test.api.statuses.includes(401));
    assert.deepEqual(test.told.errors, []);
  });

  it('are granted to a user, and renewed by refresh tokens', async () => {
    await using test = await startSource({ credentials: USER, prepare: addUser });

    while (test.clock.nowMs() < 60 * MINUTE_MS) await test.sweepAgain();

    const [first, ...others] = test.api.uaa.grants;
    assert.equal(first, 'password');
    assert.deepEqual(new Set(others), new Set(['refresh_token']));
    assert.ok(!test.api.statuses.includes(401));
    assert.equal(test.table.sizes().apps, 1);
  });

  it('are granted to a user of another identity provider', async () => {
    await using test = await startSource({
      credentials: { ...USER, origin: 'ldap' },
      prepare: (api, space) => addUser(api, space, 'ldap'),
    });

    await test.swept(1);

    assert.deepEqual(test.told.errors, []);
    const [asked] = test.api.requests.filter((one) => one.includes('/oauth/token'));
    assert.match(decodeURIComponent(asked ?? ''), /login_hint=\{"origin":"ldap"\}/);
  });

  it('are granted anew by the password where a refresh token is void', async () => {
    await using test = await startSource({ credentials: USER, prepare: addUser });
    await test.swept(1);
    test.api.uaa.changePassword('scraper', 'first'); // voids the refresh tokens, even if it is the same

    while (test.clock.nowMs() < 25 * MINUTE_MS) await test.sweepAgain();

    assert.deepEqual(test.api.uaa.grants.slice(0, 3), ['password', 'refresh_token', 'password']);
    assert.deepEqual(test.told.errors, []);
  });

  it('are asked for less and less often where the password is wrong, so that UAA locks no account', async () => {
    await using test = await startSource({
      credentials: { ...USER, password: 'wrong' },
      prepare: addUser,
    });

    await test.swept(1);
    while (test.clock.nowMs() < 60 * MINUTE_MS) await test.sweepAgain();

    assert.equal(test.told.polls[0], 'denied');
    assert.match(
      test.told.errors[0]?.message ?? '',
      /UAA answered 401 \(invalid_grant: Bad credentials\)/,
    );
    assert.ok(test.api.uaa.grants.length <= 11, `${test.api.uaa.grants.length} in an hour`);
  });

  it('are granted anew once, and then less often, where the API refuses every one', async () => {
    await using test = await startSource();
    await test.swept(1);
    test.api.fault = (_, response, { pathname }) => {
      if (!pathname.startsWith('/v3/')) return false;
      response
        .writeHead(401)
        .end('{"errors":[{"code":1000,"title":"CF-InvalidAuthToken","detail":"x"}]}');
      return true;
    };
    const granted = test.api.uaa.grants.length;

    await test.sweepAgain();
    const [afterOne, v3] = [test.api.uaa.grants.length, countOf(test.api, 401)];
    while (test.clock.nowMs() < 60 * MINUTE_MS) await test.sweepAgain();

    assert.equal(afterOne, granted + 1);
    assert.equal(v3, 2);
    assert.equal(test.told.states.at(-1), 'denied');
    assert.ok(
      test.api.uaa.grants.length <= granted + 20,
      `${test.api.uaa.grants.length} in an hour`,
    );
  });

  it('are used until they end while UAA answers 429, which is asked again when it said', async () => {
    await using test = await startSource();
    await test.swept(1);
    const askedMs: number[] = [];
    test.api.fault = (_, response, { pathname }) => {
      if (!pathname.endsWith('/oauth/token')) return false;
      askedMs.push(test.clock.nowMs());
      response.writeHead(429, { 'Retry-After': '50' }).end('{"error":"too_many_requests"}');
      return true;
    };

    while (test.clock.nowMs() < 18.9 * MINUTE_MS) await test.sweepAgain();
    assert.deepEqual(test.told.errors, []); // the old token still holds
    while (test.clock.nowMs() < 40 * MINUTE_MS) await test.sweepAgain();

    const gaps = askedMs.slice(1).map((at, before) => at - askedMs[before]!);
    assert.ok(gaps.length > 1 && gaps.every((gap) => gap >= 50_000), `${gaps}`);
    assert.deepEqual(
      new Set(test.told.errors.map(({ fault }) => fault)),
      new Set(['rate-limited']),
    );
    test.api.fault = undefined;
    while (test.clock.nowMs() < 80 * MINUTE_MS) await test.sweepAgain();
    assert.equal(test.source.works, true);
  });

  it('are used until they end while UAA is away, which is found anew by the root', async () => {
    await using test = await startSource();
    await test.swept(1);
    test.api.fault = (_, response, { pathname }) => {
      if (!pathname.endsWith('/oauth/token')) return false;
      response.writeHead(502).end('no UAA');
      return true;
    };

    while (test.clock.nowMs() < 18.9 * MINUTE_MS) await test.sweepAgain();
    assert.deepEqual(test.told.errors, []);
    test.api.fault = undefined;
    while (test.clock.nowMs() < 30 * MINUTE_MS) await test.sweepAgain();

    assert.deepEqual(test.told.errors, []);
    assert.ok(test.paths().filter((path) => path === '/').length >= 2);
  });

  it('are taken after the wait for the budget, so that none expires in it', async () => {
    await using test = await startSource({
      requestsPerMinute: 1,
      prepare: ({ uaa }) => {
        uaa.accessSeconds = 90;
      },
    });

    await test.swept(3);

    assert.ok(!test.api.statuses.includes(401));
  });

  it('go to no other host than the root names, and never without TLS where the root has it', async () => {
    await using test = await startSource();
    test.api.fault = (_, response, { pathname }) => {
      if (pathname !== '/') return false;
      response.writeHead(200).end('{"links":{"uaa":{"href":"ftp://elsewhere"}}}');
      return true;
    };
    await using other = await startSource({
      prepare: (api) => {
        api.fault = test.api.fault;
      },
    });

    await other.swept(1);

    assert.equal(other.told.polls[0], 'shape');
    assert.ok(!other.paths().some((path) => path.includes('oauth')));
  });
});

function countOf({ statuses }: CfApi, status: number): number {
  return statuses.filter((one) => one === status).length;
}
