import assert from 'node:assert/strict';
import { ConfigError, readConfig } from '../../src/config/config.ts';
import { CertificateFolder } from '../serve/openssl.ts';

describe('auth.identity', () => {
  let folder: CertificateFolder;
  before(() => {
    folder = new CertificateFolder();
    folder.selfSigned('own');
  });
  after(() => folder[Symbol.dispose]());

  const own = () => ({ cert: folder.path('own.crt'), key: folder.path('own.key') });
  const read = (identity: unknown, more: { mode?: string; pushed?: boolean } = {}) => {
    const { mode = 'basic', pushed = false } = more;
    const operators = mode === 'open' ? [] : [{ username: 'ops', password: 'secret' }];
    return readConfig({
      memoryBytes: 2 ** 30,
      environment: pushed ? { VCAP_APPLICATION: '{}' } : {},
      values: { auth: { mode, operators, identity } },
    });
  };
  const faults = async (...args: Parameters<typeof read>): Promise<string> => {
    try {
      await read(...args);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.faults.join('\n');
    }
    return '';
  };
  const gorouter = () => ({ port: 8443, ...own(), ca: own().cert });

  it('is off by default', async () => {
    const config = await readConfig({ memoryBytes: 2 ** 30 });
    assert.equal(config.auth.identity, undefined);
  });

  it('gives gorouter the name that its certificate has on cf-deployment', async () => {
    const config = await read({ ca: own().cert, gorouter: gorouter() });
    assert.equal(config.auth.identity?.gorouter?.name, 'gorouter.service.cf.internal');
    assert.deepEqual(config.auth.identity?.gorouter?.envoyDomains, []);
  });

  it('is refused while everybody may read everything', async () => {
    const tls = { port: 8443, ...own() };
    assert.match(
      await faults({ ca: own().cert, tls }, { mode: 'open' }),
      /auth\.identity is a mapping, but must be absent/,
    );
  });

  it('needs a port', async () => {
    assert.match(
      await faults({ ca: own().cert }),
      /auth\.identity\.tls is missing; it must be set/,
    );
  });

  it('trusts no forwarded certificate in a pushed app, where anyone could forge it', async () => {
    const said = await faults({ ca: own().cert, gorouter: gorouter() }, { pushed: true });
    assert.match(said, /auth\.identity\.gorouter cannot be used in a pushed app: .*forge/);

    const tls = { port: 8443, ...own() };
    assert.equal(await faults({ ca: own().cert, tls }, { pushed: true }), '');
  });
});
