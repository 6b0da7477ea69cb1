import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { BOSH, renderJob } from '../support/erb.ts';
import { jobKeys, jobProperties } from '../support/job-properties.ts';

const SPEC = `${BOSH}jobs/promgate/spec`;
const TEMPLATE = `${BOSH}jobs/promgate/templates/promgate.yml.erb`;
const MARK = 'npx mocha test/bosh/properties.test.ts\n';

/** The same text with what is printed from the schema in its place. */
function printedSpec(text: string): string {
  return text.slice(0, text.indexOf(MARK) + MARK.length) + jobProperties();
}

function printedTemplate(text: string): string {
  const keys = jobKeys().map((key) => `  ${key}\n`);
  return text.replace(/keys = %w\[\n[^\]]*\]/, `keys = %w[\n${keys.join('')}]`);
}

describe('the properties of the BOSH job promgate', () => {
  it('are what the schema says; PROMGATE_UPDATE_DOCS=1 writes them', () => {
    for (const [file, print] of [
      [SPEC, printedSpec],
      [TEMPLATE, printedTemplate],
    ] as const) {
      const text = readFileSync(file, 'utf8');
      const printed = print(text);
      if (process.env['PROMGATE_UPDATE_DOCS'] === '1') writeFileSync(file, printed);
      else assert.equal(text, printed);
    }
  });

  it('are all used, and no other is', function () {
    const full = {
      promfetcher: {
        enable_ssl: true,
        tls_pem: { cert_chain: 'a', private_key: 'b' },
        ca_certs: 'c',
        broker: { username: 'u', password: 'p' },
        database: { user: 'u', password: 'p', name: 'n' },
      },
      nats: { machines: ['10.0.0.1'], port: 4222, ca_certs: 'c' },
      promgate: { prom_scraper: { enable: true } },
    };
    const { used, declared, error } = renderJob(this, { job: 'promgate', properties: full });

    assert.equal(error, null);
    assert.deepEqual([...used].sort(), [...declared].sort());
  });

  it('are those of Promfetcher, or named as void in the guide', () => {
    const guide = readFileSync(new URL('../../docs/bosh.md', import.meta.url), 'utf8');
    const spec = readFileSync(SPEC, 'utf8');
    for (const name of PROMFETCHER) {
      const isKnown = spec.includes(`\n  ${name}:\n`) !== guide.includes(`| \`${name}\` |`);
      assert.ok(isKnown, name);
    }
  });
});

describe('docs/bosh.md', () => {
  it('names every job of the release', () => {
    const guide = readFileSync(new URL('../../docs/bosh.md', import.meta.url), 'utf8');
    const [jobs = ''] = /^Its jobs:$.*?(?=^## )/ms.exec(guide) ?? [];
    const firstCells = [...jobs.matchAll(/^\| (`.*?`) \|/gm)].map(([, cell]) => cell!);
    const named = firstCells.flatMap((cell) => cell.replaceAll('`', '').split(', '));

    assert.deepEqual(
      named.sort(),
      readdirSync(new URL('../../bosh/jobs/', import.meta.url)).sort(),
    );
  });
});

const PROMFETCHER = [
  ...['port', 'health_check_port', 'base_url', 'enable_ssl', 'skip_ssl_validation', 'ca_certs'],
  ...['tls_pem.cert_chain', 'tls_pem.private_key', 'backends.cert_chain', 'backends.private_key'],
  ...['backends.max_conns', 'max_idle_connections', 'disable_keep_alives', 'idle_conn_timeout'],
  ...['broker.enable', 'broker.service_id', 'broker.plan_id', 'broker.username'],
  ...['broker.password', 'database.user', 'database.password', 'database.name', 'database.host'],
  ...['database.port', 'database.cnx.max_open', 'database.cnx.max_idle', 'database.cnx.max_life'],
  ...['droplet_stale_threshold', 'start_response_delay_interval', 'external_exporters'],
  'log_level',
]
  .map((name) => `promfetcher.${name}`)
  .concat(
    ['user', 'password', 'port', 'machines', 'ca_certs', 'cert_chain', 'private_key'].map(
      (name) => `nats.${name}`,
    ),
    'nats.tls_enabled',
  );
