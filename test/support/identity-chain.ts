/** The authorities of Cloud Foundry's instance identities, and certificates as its cells issue them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Certificate, CertificateFolder, type Issue } from '../serve/openssl.ts';

export interface IdentityOf {
  readonly app: string;
  readonly space: string;
  readonly organization: string;
}

const USAGE = 'extendedKeyUsage=clientAuth,serverAuth';

/** A root, the authority below it that issues the identities, and another chain beside them. */
export class IdentityChain extends CertificateFolder {
  /** The file with both authorities. */
  readonly authorities = this.path('authorities.pem');

  constructor() {
    super();
    this.authority('root');
    this.authority('identity-ca', { by: 'root' });
    writeFileSync(this.authorities, this.pem('identity-ca') + this.pem('root'));
  }

  /** The certificate of an instance, followed by its authority, as CF_INSTANCE_CERT has them. */
  instance(
    name: string,
    { app, space, organization }: IdentityOf,
    options: Issue = {},
  ): Certificate {
    const by = options.by ?? 'identity-ca';
    const files = this.issued(name, {
      subject: `/OU=organization:${organization}/OU=space:${space}/OU=app:${app}/CN=${name}`,
      extensions: [USAGE, `subjectAltName=DNS:${name}`],
      ...options,
      by,
    });
    writeFileSync(files.cert, this.pem(name) + this.pem(by));
    return files;
  }

  /** A certificate of a server or client with this DNS name, by an authority of its own. */
  named(name: string, dns: string, by: string): Certificate {
    return this.issued(name, {
      by,
      extensions: [`subjectAltName=DNS:${dns},DNS:localhost,IP:127.0.0.1`, USAGE],
    });
  }

  pem(name: string): string {
    return readFileSync(this.path(`${name}.crt`), 'utf8');
  }

  key(name: string): string {
    return readFileSync(this.path(`${name}.key`), 'utf8');
  }

  /** The first certificate of a file as gorouter forwards it: base64 of the DER. */
  header(name: string): string {
    const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(this.pem(name)) ?? [];
    return base64.replaceAll(/\s/g, '');
  }
}
