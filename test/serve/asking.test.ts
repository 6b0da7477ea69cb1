import assert from 'node:assert/strict';
import type { Instance } from '../../src/discover/instance.ts';
import { negotiate } from '../../src/exposition/negotiate.ts';
import { EndpointChoice } from '../../src/fetch/endpoint-choice.ts';
import type { Failure } from '../../src/fetch/failure.ts';
import type { Scraper } from '../../src/fetch/fan-out.ts';
import { loadAppPage } from '../../src/serve/app-page.ts';
import { pagesToAsk } from '../../src/serve/asked-pages.ts';
import { Questions } from '../../src/serve/asking.ts';
import { openScraper } from '../fetch/instance-server.ts';
import { hang, html, page, status } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import type { Answer } from '../support/simulated-server.ts';
import { instance } from './instances.ts';

/** One instance whose ports answer so. */
async function startPorts(answers: readonly Answer[]) {
  const ports = await startAppInstances(answers);
  const sorted = ports.addresses
    .map((address, at) => ({ address, at }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const [first, ...others] = sorted.map(({ address }) => instance('shop', '0', address));
  const owner: Instance = { ...first!, others };
  return {
    owner,
    addresses: ports.addresses,
    asked: () => ports.instances.map(({ requests }) => requests.length),
    [Symbol.asyncDispose]: () => ports[Symbol.asyncDispose](),
  };
}

async function load(scraper: Scraper, owner: Instance, choice: EndpointChoice, timeoutMs = 20_000) {
  using loaded = await loadAppPage(
    { scraper, choice, exporters: [], observers: {}, labelConflict: 'exported', exportJob: true },
    {
      instances: [owner],
      withExporters: false,
      path: '/metrics',
      headers: { instances: [], exporters: [] },
      negotiated: negotiate(undefined, { textOnly: true }),
      deadlineMs: performance.now() + timeoutMs,
      signal: new AbortController().signal,
    },
  );
  return loaded.outcomes.map((one) => [one.instance?.endpoint.address, one.failure, one.samples]);
}

describe('an instance with several ports', () => {
  it('is asked at the others when the first gives no metrics, then at the one that did', async () => {
    for (const bad of [status(404), status(500), html]) {
      await using ports = await startPorts([bad, page('a 1\n')]);
      await using scraper = openScraper();
      const choice = new EndpointChoice();

      const once = await load(scraper, ports.owner, choice);
      const [badBefore] = ports.asked();
      const again = await load(scraper, ports.owner, choice);

      assert.deepEqual(once, [[ports.addresses[1], undefined, 1]]);
      assert.deepEqual(again, once);
      assert.equal(ports.asked()[0], badBefore, 'the other port is left alone');
      assert.deepEqual(scraper.load.bytes, 0);
    }
  });

  it('has one failure when none of them gives metrics', async () => {
    await using ports = await startPorts([status(404), status(404), status(404)]);
    await using scraper = openScraper();

    const outcomes = await load(scraper, ports.owner, new EndpointChoice());

    assert.deepEqual(outcomes, [[ports.owner.endpoint.address, 'status-4xx', 0]]);
    assert.deepEqual(ports.asked(), [1, 1, 1]);
  });

  it('is asked at another port the next time when one hangs until the deadline', async () => {
    await using ports = await startPorts([hang, page('a 1\n')]);
    await using scraper = openScraper();
    const choice = new EndpointChoice();
    choice.prefer(ports.owner, '/metrics', instance('shop', '0', ports.addresses[0]!));

    const first = await load(scraper, ports.owner, choice, 50);
    const second = await load(scraper, ports.owner, choice);

    assert.deepEqual(first, [[ports.addresses[0], 'timeout', 0]]);
    assert.deepEqual(second, [[ports.addresses[1], undefined, 1]]);
  });

  it('is not asked without TLS after another one showed that it is not who it should be', () => {
    const plain = instance('shop', '0', '10.0.0.1:8080');
    const other = instance('shop', '0', '10.0.0.1:61001');
    const tls = { ...other, endpoint: { ...other.endpoint, tls: true } };
    const nextAfter = (failure: Failure): string | undefined => {
      const owner: Instance = { ...tls, others: [plain] };
      const asked = pagesToAsk([], { instances: [owner], withExporters: false, path: '/metrics' });
      const questions = new Questions<{ readonly failure: Failure | undefined }>(asked, {
        choice: undefined,
        deadlineMs: () => Number.POSITIVE_INFINITY,
        signal: new AbortController().signal,
        refuse: () => undefined,
      });
      return questions.answer(0, { failure })?.address;
    };

    assert.equal(nextAfter('tls-identity'), undefined);
    assert.equal(nextAfter('status-4xx'), plain.endpoint.address);
  });
});

describe('an instance with several ways', () => {
  const one = instance('shop', '0', '10.0.0.1:80');
  const asked = pagesToAsk([], { instances: [one], withExporters: false, path: '/metrics' })[0]!;
  const other = { ...asked, target: { ...asked.target, via: 'gorouter' } as const };

  /** What is reported after these failures, one for each way. */
  function reported(...failures: readonly Failure[]): Failure | undefined {
    const questions = new Questions<{ readonly failure: Failure | undefined }>(
      [{ ...asked, elsewhere: [other] }],
      {
        ...{ choice: undefined, deadlineMs: () => Number.POSITIVE_INFINITY },
        ...{ signal: new AbortController().signal, refuse: () => undefined },
      },
    );
    for (const failure of failures) questions.answer(0, { failure });
    return questions.answers[0]?.result.failure;
  }

  it('reports what the app said, and not that another way led nowhere', () => {
    assert.equal(reported('refused', 'status-4xx'), 'status-4xx');
    assert.equal(reported('tls-client', 'unknown-route'), 'unknown-route');
  });

  it('reports the first way otherwise', () => {
    assert.equal(reported('refused', 'unreachable'), 'refused');
    assert.equal(reported('status-4xx', 'unknown-route'), 'status-4xx');
  });

  it('asks by no other way once somebody else has answered at the address', () => {
    const questions = new Questions<{ readonly failure: Failure | undefined }>(
      [{ ...asked, elsewhere: [other] }],
      {
        ...{ choice: undefined, deadlineMs: () => Number.POSITIVE_INFINITY },
        ...{ signal: new AbortController().signal, refuse: () => undefined },
      },
    );

    assert.equal(questions.answer(0, { failure: 'tls-identity' }), undefined);
    assert.equal(questions.answers[0]?.result.failure, 'tls-identity');
  });
});
