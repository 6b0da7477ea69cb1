/** Certificates for the tests, made by the openssl program in a directory of their own. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** From the system: no package brings it. */
export const OPENSSL = 'openssl';

const run = promisify(execFile);
/** Arguments for a new key, without a passphrase. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** PEM texts, and the files they are in. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export class Authority implements AsyncDisposable {
  readonly directory: string;
  readonly ca: string;
  readonly caFile: string;

  private constructor(directory: string, ca: string, caFile: string) {
    this.directory = directory;
    this.ca = ca;
    this.caFile = caFile;
  }

  static async create(): Promise<Authority> {
    const directory = await mkdtemp(path.join(tmpdir(), 'promgate-certificates-'));
    const [key, cert] = ['ca.key', 'ca.crt'].map((name) => path.join(directory, name));
    if (!key || !cert) throw new Error('two names give two paths');
    await run(OPENSSL, [
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      '-subj',
      '/CN=test authority',
    ]);
    return new Authority(directory, await readFile(cert, 'utf8'), cert);
  }

  /** Issues a certificate with `san`, e.g. `DNS:instance-guid` or `IP:127.0.0.1`. */
  async issue(name: string, san: string, days = 2): Promise<Certificate> {
    const file = (ending: string) => path.join(this.directory, `${name}.${ending}`);
    await run(OPENSSL, [
      'req',
      '-new',
      ...NEW_KEY,
      '-keyout',
      file('key'),
      '-out',
      file('csr'),
      '-subj',
      `/CN=${name}`,
    ]);
    await writeFile(file('ext'), `subjectAltName=${san}\n`);
    await run(OPENSSL, [
      'x509',
      '-req',
      '-in',
      file('csr'),
      '-CA',
      this.caFile,
      '-CAkey',
      path.join(this.directory, 'ca.key'),
      '-CAcreateserial',
      '-out',
      file('crt'),
      '-days',
      String(days),
      '-extfile',
      file('ext'),
    ]);
    return {
      cert: await readFile(file('crt'), 'utf8'),
      key: await readFile(file('key'), 'utf8'),
      certFile: file('crt'),
      keyFile: file('key'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}
