/**
 * Whom promgate's TLS clients trust, instances apart: Node's bundled authorities, the system's, and
 * those of the platform (`CF_SYSTEM_CERT_PATH`).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';

/** Node by itself trusts only the bundled ones. Costs about 20 ms: not for clients without TLS. */
export async function readAuthorities(platformPath: string | undefined): Promise<string[]> {
  const platform = platformPath === undefined ? [] : await readFolder(platformPath);
  const known = [...tls.getCACertificates('bundled'), ...tls.getCACertificates('system')];
  return [...new Set([...known, ...platform])];
}

/** The certificates of a folder of PEM files; none when there is no such folder. */
async function readFolder(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => []); // set by the platform, not by the operator
  const texts = await Promise.all(
    names
      .filter((name) => /\.(crt|pem)$/.test(name))
      .map((name) => readFile(join(path, name), 'utf8').catch(() => '')), // a broken link is no file
  );
  const block = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;
  return texts.flatMap((text) => text.match(block) ?? []);
}
