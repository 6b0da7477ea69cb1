/** Certificates for tests, made by the openssl program into a folder of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
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
