import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFileTrust, type Trust, type TrustFiles } from '../../src/fetch/trust.ts';
import { Authority, type Certificate } from './certificates.ts';
import { ask, listen, openScraper, until } from './instance-server.ts';

describe('openFileTrust', () => {
  let first: Authority;
  let second: Authority;
  let clients: readonly [Certificate, Certificate];
  let directory: string;
  let files: Required<Omit<TrustFiles, 'authorities'>>;
  let errors: unknown[];
  let nowMs: number;

  before(async () => {
    [first, second] = await Promise.all([Authority.create(), Authority.create()]);
    clients = [await first.issue('client-1', 'DNS:c1'), await first.issue('client-2', 'DNS:c2')];
  });

  after(async () => {
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'promgate-trust-'));
    files = {
      ca: path.join(directory, 'ca.crt'),
      cert: path.join(directory, 'client.crt'),
      key: path.join(directory, 'client.key'),
    };
    errors = [];
    nowMs = 0;
    await replace(files.ca, first.caFile);
    await replace(files.cert, clients[0].certFile);
    await replace(files.key, clients[0].keyFile);
  });

  afterEach(() => rm(directory, { recursive: true }));

  /** As rotation does it: a new file in the place of the old one. */
  async function replace(file: string, by: string): Promise<void> {
    await copyFile(by, `${file}.new`);
    await rename(`${file}.new`, file);
  }

  const open = (some: TrustFiles = files): Promise<Trust> =>
    openFileTrust(some, { onError: (error) => errors.push(error), now: () => nowMs });

  it('gives the same settings as long as the files are the same', async () => {
    const trust = await open();

    const one = await trust.context();
    nowMs += 10_000;

    assert.equal(await trust.context(), one);
    assert.equal(trust.latest(), one);
  });

  it('reads the files again when one has changed, at most once a second', async () => {
    const trust = await open();
    const one = await trust.context();
    await replace(files.ca, second.caFile);

    assert.equal(await trust.context(), one);
    nowMs += 1000;
    const [two, three] = await Promise.all([trust.context(), trust.context()]);

    assert.notEqual(two, one);
    assert.equal(three, two);
    assert.deepEqual(errors, []);
  });

  it('keeps the last good settings when new ones cannot be used, and says so once', async () => {
    const trust = await open();
    const one = await trust.context();
    await replace(files.cert, clients[1].certFile); // its key is still to come
    for (let i = 0; i < 3; i++) {
      nowMs += 1000;
      assert.equal(await trust.context(), one);
    }
    assert.equal(errors.length, 1);

    await replace(files.key, clients[1].keyFile);
    nowMs += 1000;

    assert.notEqual(await trust.context(), one);
    assert.equal(errors.length, 1);
  });

  it('keeps the last good settings while a file is missing, and says so once', async () => {
    const trust = await open();
    const one = await trust.context();
    await rm(files.ca);
    for (let i = 0; i < 3; i++) {
      nowMs += 1000;
      assert.equal(await trust.context(), one);
    }
    assert.match(String(errors), /ENOENT/);
    assert.equal(errors.length, 1);
  });

  it('keeps the last good settings while the authorities are only half written', async () => {
    const trust = await open();
    const one = await trust.context();
    const whole = await readFile(first.caFile, 'utf8');
    for (const half of ['', whole.slice(0, 100), `${whole}${whole.slice(0, -60)}`]) {
      await writeFile(files.ca, half);
      nowMs += 1000;
      assert.equal(await trust.context(), one);
    }
    assert.equal(errors.length, 3);
    assert.match(String(errors[0]), /ca\.crt holds no certificate$/);

    await writeFile(files.ca, `${whole}${whole}`);
    nowMs += 1000;

    assert.notEqual(await trust.context(), one);
  });

  it('fails to open where a file is missing or no certificate', async () => {
    await assert.rejects(open({ ca: path.join(directory, 'none') }), /ENOENT/);
    await assert.rejects(open({ ca: files.key }), /holds no certificate/);
    await writeFile(files.cert, 'not a certificate');
    await assert.rejects(open());
  });

  it('needs no file at all, and then trusts nobody', async () => {
    const trust = await open({});

    assert.ok(await trust.context());
  });

  it('holds for connections that were made before: they are not used again', async () => {
    const trust = await open();
    await using scraper = openScraper({ trust: { instances: trust, system: trust } });
    const { cert, key } = await first.issue('instance', 'DNS:guid');
    await using server = await listen(
      https.createServer({ cert, key }, (_request, response) => void response.end('up 1\n')),
    );
    const tls = { tls: true, serverName: 'guid' };
    assert.equal(await ask(scraper, server.address, tls), 'up 1\n');
    assert.equal(await ask(scraper, server.address, tls), 'up 1\n');
    assert.equal(server.connected, 1);

    await replace(files.ca, second.caFile);
    nowMs += 1000;
    let answer = await ask(scraper, server.address, tls);
    for (let i = 0; i < 1000 && answer !== 'tls'; i++) {
      answer = await ask(scraper, server.address, tls);
    }

    assert.equal(answer, 'tls');
    await until(() => server.open.size === 0, 'the old connection is closed');
  });
});
