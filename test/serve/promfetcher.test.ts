/**
 * Requests to Promfetcher v0.77.0 and what it answered, one folder per case: the same requests to
 * promgate give the same series, statuses and texts. Where promgate differs, `case.json` says why,
 * and the output is promgate's (written anew with PROMGATE_RECORD_PROMFETCHER=1).
 *
 * `input-<n>.txt` is what instance n serves, or in parentheses what it does; `{n}` in an output is its
 * address, `{en}` that of an external exporter. What promgate says of each instance is left out.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { OPENMETRICS_TYPE, page, pageOf, redirect, status, TEXT_TYPE } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import type { SimulatedApp } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startPromgate } from '../support/promgate.ts';
import type { Answer } from '../support/simulated-server.ts';
import { seriesOf } from '../support/text-series.ts';

interface Case {
  /** Of the app that is named as the folder. */
  readonly guid: string;
  /** Two external exporters are configured: one tells what it was asked, one refuses. */
  readonly exporters?: boolean;
  readonly requests: readonly {
    readonly path: string;
    readonly status: number;
    readonly output: string;
    /** Why it is not what Promfetcher answered. */
    readonly differs?: string;
  }[];
}

const FOLDERS = new URL('promfetcher/', import.meta.url);
const RECORD = process.env['PROMGATE_RECORD_PROMFETCHER'] === '1';
/** The second instance of these is another app's, or another process'. */
const SECOND: Readonly<Record<string, Partial<SimulatedApp>>> = {
  '29-blue-green': {
    name: '29-blue-green-green',
    tags: { app_id: '00000000-0000-4000-8000-000000000099' },
  },
  '30-worker-process': { processType: 'worker' },
};

describe('Promfetcher', function () {
  this.timeout(SLOW_MS);

  for (const name of readdirSync(FOLDERS)) {
    const folder = new URL(`${name}/`, FOLDERS);
    const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
    const { guid, exporters = false, requests } = JSON.parse(read('case.json')) as Case;

    it(`would answer the same: ${name}`, async () => {
      const inputs = readdirSync(folder).filter((file) => file.startsWith('input-'));
      await using instances = await startAppInstances(inputs.sort().map((f) => behaviour(read(f))));
      await using probes = await startAppInstances([PROBE, 'refuse']);
      const { addresses } = instances;
      await using promgate = await startPromgate({
        apps: appsOf(name, guid, addresses),
        values: exporters ? { external_exporters: settingsOf(probes.addresses) } : {},
      });
      const masked = (text: string): string =>
        probes.addresses.reduce(
          (all, address, at) => all.replaceAll(address, `{e${at}}`),
          addresses.reduce((all, address, at) => all.replaceAll(address, `{${at}}`), text),
        );

      for (const { path, status: wantedStatus, output, differs } of requests) {
        const answer = await promgate.get(path, {
          headers: { Authorization: 'Basic Zm9vOmJhcg==' },
        });
        const text = withoutReport(masked(await answer.text()));
        if (RECORD && differs !== undefined) writeFileSync(new URL(output, folder), text);

        assert.equal(answer.status, wantedStatus, path);
        const compare = answer.status === 200 ? series : String;
        assert.deepEqual(compare(text), compare(read(output)), path);
      }
    });
  }
});

/** Tells what it was asked, as the probe behind Promfetcher did. */
const PROBE = pageOf(({ target, headers }) => {
  const { host = '', authorization = '' } = headers;
  return `# TYPE ext gauge\next{url="${target}",host="${host}",auth="${authorization}"} 1\n`;
});

/** What an instance does whose input file holds `text`. */
function behaviour(text: string): Answer | 'refuse' {
  if (text.startsWith('(connection refused)')) return 'refuse';
  if (text.startsWith('(echoes')) {
    return pageOf(
      ({ method, target }) =>
        `# TYPE req gauge\nreq{method="${method}",url="${target}",http="1.1"} 1\n`,
    );
  }
  const [, code = '', fields = ''] = /^\(HTTP (\d+) (\{.*\})\)/.exec(text) ?? [];
  if (code === '') {
    const contentType = text.includes('# EOF') ? OPENMETRICS_TYPE : TEXT_TYPE;
    return page(text, { contentType, gzip: true });
  }
  const { Location: location } = JSON.parse(fields) as { readonly Location?: string };
  if (location === undefined) return status(Number(code));
  return (exchange) =>
    exchange.request.target === location
      ? page('# TYPE foo gauge\nfoo 1\n')(exchange)
      : redirect(location)(exchange);
}

function appsOf(name: string, guid: string, addresses: readonly string[]): SimulatedApp[] {
  const tags = { app_id: guid, organization_id: 'org-guid', space_id: 'space-guid' };
  const routes = [`${name}.example.com`];
  const app: SimulatedApp = { organization: 'sys', space: 'tools', name, routes, addresses, tags };
  const second = SECOND[name];
  if (second === undefined) return [app];
  const [first = '', other = ''] = addresses;
  const secondTags = { ...tags, ...second.tags, instance_id: '1' };
  return [
    { ...app, addresses: [first] },
    { ...app, ...second, addresses: [other], tags: secondTags },
  ];
}

function settingsOf([probe, down]: readonly string[]): unknown {
  const params = {
    'app[]': ['{{.AppName}}', '{{.OrganizationName}}/{{.SpaceName}}'],
    static: ['x'],
  };
  return [
    { name: 'probe', host: probe, metrics_path: '/probe', params },
    { name: 'down', host: down },
  ];
}

/** A page without what promgate says of each instance; how long they took differs from run to run. */
function withoutReport(text: string): string {
  return text.replace(/^.*promgate_.*\n/gm, '');
}

/** What matters of a page: values as numbers, since Promfetcher prints them anew. */
function series(text: string): string[] {
  return seriesOf(text)
    .filter((line) => !/^(# TYPE )?req_header/.test(line))
    .map((line) => line.replace(/(\} )(\S+)/, (_, before, value) => before + Number(value)))
    .map((line) => line.replace(/,?accept="[^"]*"/, ''));
}
