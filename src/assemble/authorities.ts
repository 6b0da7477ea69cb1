/**
 * The authorities that promgate's TLS clients trust, except for instances: Node's bundled ones, the
 * system's, and the platform's (`CF_SYSTEM_CERT_PATH`).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';

/** Takes about 20 ms, so call it only for clients with TLS. Node trusts only the bundled ones. */
export async function readAuthorities(platformPath: string | undefined): Promise<string[]> {
  const platform = platformPath === undefined ? [] : await readFolder(platformPath);
  const known = [...tls.getCACertificates('bundled'), ...tls.getCACertificates('system')];
  return [...new Set([...known, ...platform])];
}

/** The certificates of a folder of PEM files; none if the folder cannot be read. */
async function readFolder(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => []); // the platform sets the path
  const texts = await Promise.all(
    names
      .filter((name) => /\.(crt|pem)$/.test(name))
      .map((name) => readFile(join(path, name), 'utf8').catch(() => '')), // a broken link
  );
  const block = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;
  return texts.flatMap((text) => text.match(block) ?? []);
}
