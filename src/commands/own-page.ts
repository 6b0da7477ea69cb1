/**
 * The page of an app that this process scrapes itself, by the route sources of its configuration.
 */
import { piecesOf, scrapeDirectly } from '../assemble/direct-scrape.ts';
import { selectorOf } from '../assemble/live/app.ts';
import { secretsOf, TryError, withoutSecretsOf } from '../assemble/live/try.ts';
import type { Config } from '../config/config.ts';
import { MetricPathError, parseMetricPath } from '../fetch/metric-path.ts';
import type { AskedApp, PageAnswer } from './asked-app.ts';

export interface OwnPageOptions {
  readonly asked: AskedApp;
  readonly platformAuthorities: string | undefined;
}

export async function openOwnPage(
  config: Config,
  { asked, platformAuthorities }: OwnPageOptions,
  parts: AsyncDisposableStack,
): Promise<PageAnswer> {
  const { app, instance, accept, timeoutMs = config.scrape.timeoutMs } = asked;
  let words: Pick<Parameters<typeof scrapeDirectly>[1], 'app' | 'path'>;
  try {
    words = { app: selectorOf(app, asked.process), path: parseMetricPath(asked.path) };
  } catch (error) {
    if (!(error instanceof TryError || error instanceof MetricPathError)) throw error;
    return { kind: 'wrong', says: error.message };
  }
  const options = { ...words, instance, accept, timeoutMs, platformAuthorities };
  const scraped = await scrapeDirectly(config, options, parts);
  const secrets = secretsOf(config);
  const safe = (lines: readonly string[]) => lines.map((line) => withoutSecretsOf(line, secrets));
  switch (scraped.kind) {
    case 'no-routes': {
      const lines = ['no route source has answered', ...safe(scraped.why)];
      return { kind: 'unavailable', says: lines.join('\n') };
    }
    case 'unknown': {
      const of = instance === undefined ? '' : `instance ${instance} of `;
      const known = `${of}app ${app} is not among the ${scraped.apps} apps in the routes`;
      return { kind: 'unknown', says: [known, ...safe(scraped.why)].join('\n') };
    }
    case 'page':
      return { kind: 'page', pieces: piecesOf(scraped.page) };
  }
}
