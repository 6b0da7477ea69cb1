/**
 * Shows when the certificates expire that promgate presents: to its readers, to instances, and to the
 * servers that it uses.
 *
 * The parts that present them read the files themselves. This file only looks at them once a minute.
 */
import { readFile } from 'node:fs/promises';
import { every } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { certificateMetrics } from '../telemetry/certificate-metrics.ts';
import type { Ground } from './ground.ts';

const LOOK_EVERY_MS = 60_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A file with a certificate, and the key of the configuration that names the file. */
type CertificateFile = readonly [key: string, path: string];

/** Resolves after the first look. @param parts - its disposal ends the looks */
export async function openCertificateExpiry(
  config: Partial<Config>,
  { registry, log }: Pick<Ground, 'registry' | 'log'>,
  parts: AsyncDisposableStack,
): Promise<void> {
  const files = certificateFiles(config, '');
  const expiries = new Map<string, number>();
  certificateMetrics(registry, expiries);
  if (files.length === 0) return;
  const look = async (): Promise<void> => {
    for (const file of files) await lookAt(file, expiries);
  };
  await look();
  const stop = new AbortController();
  const onError = (err: unknown): void =>
    log.error('promgate could not see when its certificates expire', { err });
  const loop = { signal: stop.signal, onError, firstAfterMs: LOOK_EVERY_MS };
  const looking = every(LOOK_EVERY_MS, look, loop);
  parts.defer(async () => {
    stop.abort();
    await looking;
  });
}

/** A file that cannot be read has no expiry: the part that uses the file reports the failure. */
async function lookAt([key, path]: CertificateFile, expiries: Map<string, number>): Promise<void> {
  try {
    expiries.set(key, await firstExpiry(await readFile(path, 'utf8')));
  } catch {
    expiries.delete(key);
  }
}

/** @throws {Error} if the text holds no certificate, or a damaged one */
async function firstExpiry(pem: string): Promise<number> {
  const { X509Certificate } = await import('node:crypto');
  const times = (pem.match(PEM) ?? []).map((one) => new X509Certificate(one).validToDate.getTime());
  if (times.length === 0) throw new Error('the file holds no certificate');
  return Math.min(...times) / 1000;
}

/** Every `certFile` of the configuration, wherever it is. */
function certificateFiles(value: unknown, key: string): CertificateFile[] {
  if (Array.isArray(value)) {
    return value.flatMap((one, place) => certificateFiles(one, `${key}[${place}]`));
  }
  if (!isSection(value)) return [];
  return Object.entries(value).flatMap(([name, inner]): CertificateFile[] => {
    const at = key === '' ? written(name) : `${key}.${written(name)}`;
    if (name !== 'certFile') return certificateFiles(inner, at);
    return typeof inner === 'string' ? [[`${key}.cert`, inner]] : [];
  });
}

/** Whether a value is a section of the configuration, and no object of a class, such as a secret. */
function isSection(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A name as the configuration writes it: `remote_write` for `remoteWrite`. */
function written(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
