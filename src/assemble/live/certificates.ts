/**
 * The tries of certificate files: whether they are valid now, and for how long.
 *
 * That each key fits its certificate is a matter of every reading of the configuration.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import { type Try, TryError, type TryResult } from './try.ts';

interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly clientCaFile?: string | undefined;
}

const SOON_DAYS = 30;
const DAY_MS = 86_400_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @param nowMs - of the wall clock */
export function certificateTries(config: Config, nowMs: number): Try[] {
  return sections(config).flatMap(([section, tls]) => {
    const file = (key: string, name: string | undefined, hasKey: boolean): Try[] =>
      name === undefined
        ? []
        : [{ name: `certificate ${section}.${key}`, run: () => look(name, { hasKey, nowMs }) }];
    return [
      ...file('cert', tls?.certFile, tls?.keyFile !== undefined),
      ...file('ca', tls?.caFile, false),
      ...file('client_ca', tls?.clientCaFile, false),
    ];
  });
}

function sections(config: Config): (readonly [section: string, tls: TlsFiles | undefined])[] {
  const { listen, routes, scrape, database, redis, kafka, push } = config;
  return [
    ['listen.tls', listen.tls],
    ...routes.gorouter.map(({ tls }, at) => [`routes.gorouter[${at}].tls`, tls] as const),
    ['routes.nats.tls', routes.nats?.tls],
    ['scrape.tls', scrape.tls],
    ['database.tls', database.tls],
    ['redis.tls', redis?.tls],
    ['kafka.tls', kafka?.tls],
    ...(push?.remoteWrite ?? []).map(
      ({ tls }, at) => [`push.remote_write[${at}].tls`, tls] as const,
    ),
  ];
}

interface Looking {
  readonly hasKey: boolean;
  readonly nowMs: number;
}

async function look(file: string, { hasKey, nowMs }: Looking): Promise<TryResult> {
  const text = await readFile(file, 'utf8');
  const blocks = text.match(BLOCK) ?? [text];
  const certificates = blocks.map((block) => new X509Certificate(block));
  // Of a chain or a bundle the one that ends first decides; there is at least one.
  const first = certificates.reduce((a, b) => (b.validToDate < a.validToDate ? b : a));
  const name = first.subject.replaceAll('\n', ', ') || 'without a subject';
  const until = first.validToDate.toISOString().slice(0, 10);
  const said = `${name}, valid until ${until}${hasKey ? ', its key fits' : ''}`;
  const notYet = certificates.find(({ validFromDate }) => validFromDate.getTime() > nowMs);
  if (notYet) {
    const from = notYet.validFromDate.toISOString();
    throw new TryError(`${name} is not valid before ${from}`, 'look at the clock of this machine');
  }
  const leftMs = first.validToDate.getTime() - nowMs;
  if (leftMs <= 0) {
    throw new TryError(
      `${name} has expired at ${first.validToDate.toISOString()}`,
      `renew ${file}`,
    );
  }
  if (leftMs > SOON_DAYS * DAY_MS) return { state: 'ok', said };
  const advice = `renew ${file} within ${Math.ceil(leftMs / DAY_MS)} days`;
  return { state: 'warn', said, advice };
}
