/** Certificates for tests, made by the openssl program into a folder of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Issue {
  /** The authority's name; undefined: the certificate signs itself. */
  readonly by?: string;
  /** Default: the name as CN. */
  readonly subject?: string;
  /** Default: since yesterday, until tomorrow. */
  readonly from?: Date;
  readonly until?: Date;
  /** Lines of an extension section of OpenSSL. */
  readonly extensions?: readonly string[];
}

const DAY_MS = 86_400_000;

/** A time as `20261128120000Z`. */
function opensslTime(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '')}Z`;
}

/** A folder that is deleted at the end, and what openssl puts into it. */
export class CertificateFolder implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'promgate-certificates-'));

  /** A certificate that signs itself, for localhost; `replace` writes over one of the same name. */
  selfSigned(name: string): Certificate {
    const files = this.#files(name);
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...[
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-addext',
        'subjectAltName=DNS:localhost,IP:127.0.0.1',
      ],
      ...['-keyout', files.key, '-out', files.cert],
    ]);
    return files;
  }

  /** A certificate by one of the folder's authorities, or by itself. */
  issued(name: string, { by, subject, ...more }: Issue): Certificate {
    const files = this.#files(name);
    const request = this.path(`${name}.csr`);
    openssl([
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', subject ?? `/CN=${name}`, '-keyout', files.key, '-out', request],
    ]);
    const { from = new Date(Date.now() - DAY_MS), until = new Date(Date.now() + DAY_MS) } = more;
    const signer = by === undefined ? files : this.#files(by);
    const config = this.#authorityConfig(name, more.extensions ?? []);
    openssl([
      ...['ca', '-batch', '-notext', '-config', config, '-in', request, '-out', files.cert],
      ...['-startdate', opensslTime(from), '-enddate', opensslTime(until)],
      ...['-keyfile', signer.key],
      ...(by === undefined ? ['-selfsign'] : ['-cert', signer.cert]),
    ]);
    return files;
  }

  /** An authority, by another one or by itself. */
  authority(name: string, options: Omit<Issue, 'extensions'> = {}): Certificate {
    return this.issued(name, { ...options, extensions: ['basicConstraints=critical,CA:TRUE'] });
  }

  #authorityConfig(name: string, extensions: readonly string[]): string {
    const database = this.path(`${name}.index`);
    writeFileSync(database, '');
    const config = this.path(`${name}.cnf`);
    const lines = [
      ...['[ca]', 'default_ca=own', '[own]', `database=${database}`, 'rand_serial=yes'],
      ...[`new_certs_dir=${this.folder}`, 'default_md=sha256', 'policy=any', 'preserve=yes'],
      ...['unique_subject=no', 'x509_extensions=extensions', '[any]', 'commonName=optional'],
      ...['organizationalUnitName=optional', '[extensions]', ...extensions],
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    return config;
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #files(name: string): Certificate {
    return { cert: this.path(`${name}.crt`), key: this.path(`${name}.key`) };
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}
