/**
 * What a TLS connection to a target is made with. Files are looked at again every ten seconds, so that
 * certificates can be rotated.
 */
import { pemName, readPem } from '../../pem.ts';
import { TargetError } from './failure.ts';
import type { TlsSettings } from './http.ts';

const LOOK_MS = 10_000;

/** Options of Node's `tls.connect`. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
  readonly minVersion?: TlsSettings['minVersion'];
  readonly maxVersion?: TlsSettings['maxVersion'];
}

export class TrustFiles {
  readonly #settings: TlsSettings;
  readonly #server: string;
  readonly #nowMs: () => number;
  #material: TlsMaterial | undefined;
  #readAtMs = 0;

  constructor(settings: TlsSettings, server: string, nowMs: () => number) {
    this.#settings = settings;
    this.#server = server;
    this.#nowMs = nowMs;
  }

  /** @returns the same object as long as nothing has changed */
  async material(): Promise<TlsMaterial> {
    const nowMs = this.#nowMs();
    if (this.#material && nowMs - this.#readAtMs < LOOK_MS) return this.#material;
    this.#readAtMs = nowMs;
    const material = await this.#read();
    const isSame = JSON.stringify(material) === JSON.stringify(this.#material);
    if (!this.#material || !isSame) this.#material = material;
    return this.#material;
  }

  async #read(): Promise<TlsMaterial> {
    const { ca, cert, key, serverName, skipsVerification, minVersion, maxVersion } = this.#settings;
    const [caText, certText, keyText] = await Promise.all([
      this.#pem(ca),
      this.#pem(cert),
      this.#pem(key),
    ]);
    return {
      ...(caText !== undefined && { ca: caText }),
      ...(certText !== undefined && { cert: certText }),
      ...(keyText !== undefined && { key: keyText }),
      ...(serverName && { servername: serverName }),
      ...(skipsVerification && { rejectUnauthorized: false }),
      ...(minVersion && { minVersion }),
      ...(maxVersion && { maxVersion }),
    };
  }

  async #pem(source: string | undefined): Promise<string | undefined> {
    if (source === undefined) return undefined;
    try {
      return await readPem(source);
    } catch (cause) {
      const what = `${pemName(source)} cannot be read: ${(cause as Error).message}`;
      throw new TargetError('credentials', this.#server, what, { cause });
    }
  }
}
