/** The alerts that promgate ships: Debian's promtool reads them, and each fires when it should. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { readDoc } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { type Alert, type AlertCase, RULES_FILE, readAlerts, readCases } from './rules.ts';

const run = promisify(execFile);
const alerts = readAlerts();
const cases = readCases();

const nameOf = (title: string): string => title.split(' ', 1)[0]!; // split gives at least one

/** The annotations as Prometheus prints them. */
function printed(alert: Alert, { labels, value }: AlertCase['fires']): Record<string, string> {
  const print = (text: string): string =>
    text
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '')
      .replaceAll(/\{\{ \$value \| \w+ \}\}/g, () => {
        assert.ok(value !== undefined, `the case of ${alert.alert} tells the value`);
        return String(value);
      });
  return Object.fromEntries(
    Object.entries(alert.annotations).map(([name, text]) => [name, print(text)]),
  );
}

/** A test of promtool: `expected` is what fires. */
function ruleTest(alert: Alert, { series, at }: AlertCase['silent'], expected: readonly object[]) {
  return {
    name: alert.alert,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [{ eval_time: at, alertname: alert.alert, exp_alerts: expected }],
  };
}

describe('promgate.alerts.yml', function () {
  this.timeout(SLOW_MS);

  it('is read by promtool without complaint', async function () {
    const promtool = requireProgram(this, 'promtool');

    const { stdout } = await run(promtool, ['check', 'rules', RULES_FILE]);

    assert.match(stdout, new RegExp(`SUCCESS: ${alerts.length} rules found`));
  });

  it('has a case for each alert, and no case without an alert', () => {
    const tried = [...new Set(Object.keys(cases).map(nameOf))];

    assert.deepEqual(tried.sort(), alerts.map(({ alert }) => alert).sort());
  });

  it('holds no template of BOSH, so that it serves any Prometheus as it stands', () => {
    assert.doesNotMatch(JSON.stringify(alerts), /<%/);
  });

  it('is explained alert by alert in docs/monitoring.md', () => {
    const doc = readDoc('monitoring.md');
    const headings = [...doc.matchAll(/^### (Promgate\w+)$/gm)].map(([, name]) => name);

    assert.deepEqual(
      headings,
      alerts.map(({ alert }) => alert),
    );
  });

  for (const { alert, labels, annotations } of alerts) {
    it(`tells of ${alert} how grave it is, what happened and what to do`, () => {
      assert.match(alert, /^Promgate[A-Z][A-Za-z]+$/);
      assert.equal(labels['service'], 'promgate');
      assert.match(labels['severity'] ?? '', /^(?:warning|critical)$/);
      for (const name of ['summary', 'description', 'action']) {
        assert.ok((annotations[name] ?? '').length > 10, name);
      }
      assert.equal(annotations['runbook'], `docs/monitoring.md#${alert.toLowerCase()}`);
    });
  }

  for (const [title, { fires, silent }] of Object.entries(cases)) {
    it(`${title}: fires, and stays silent, as its case says`, async function () {
      const promtool = requireProgram(this, 'promtool');
      await using parts = new AsyncDisposableStack();
      const folder = await mkdtemp(path.join(tmpdir(), 'promgate-rules-'));
      parts.defer(() => rm(folder, { recursive: true }));
      const alert = alerts.find((one) => one.alert === nameOf(title));
      assert.ok(alert);
      const firing = {
        exp_labels: { ...alert.labels, ...fires.labels },
        exp_annotations: printed(alert, fires),
      };
      const file = path.join(folder, 'test.yml');
      const tests = [ruleTest(alert, fires, [firing]), ruleTest(alert, silent, [])];
      await writeFile(file, JSON.stringify({ rule_files: [RULES_FILE], tests })); // also YAML

      const { stdout } = await run(promtool, ['test', 'rules', file]).catch((error) => {
        throw new Error(`${error.stdout}${error.stderr}`);
      });

      assert.match(stdout, /SUCCESS/);
    });
  }
});
