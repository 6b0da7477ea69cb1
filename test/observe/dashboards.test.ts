/** The form of the dashboards: what Grafana, its provisioning by BOSH and a reader's eye need. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { readDoc } from '../support/doc-words.ts';
import { requireProgram } from '../support/require-program.ts';
import {
  type Dashboard,
  dashboardTexts,
  type Panel,
  queried,
  readDashboards,
} from './dashboards.ts';

const dashboards = readDashboards();
const TYPES = ['row', 'stat', 'table', 'timeseries'];
/** Units of Grafana that the panels use. */
const UNITS = ['Bps', 'bytes', 'ops', 'percentunit', 'reqps', 's', 'short'];
const COLUMNS = 24;
/** Variables of Grafana itself. */
const BUILT_IN = ['__rate_interval'];
const DATA_SOURCE = { type: 'prometheus', uid: `\${DS_PROMETHEUS}` };

function jobSpec(job: string): Readonly<Record<string, unknown>> {
  const file = new URL(`../../bosh/jobs/${job}/spec`, import.meta.url);
  return parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** The variables that queries name: `$name`, `${name}`. */
function variablesIn(dashboard: Dashboard): Set<string> {
  const all = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...queried(dashboard).map(({ query }) => query),
  ];
  const found = all.join('\n').matchAll(/\$\{?(\w+)\}?/g);
  return new Set([...found].map(([, name]) => name!)); // the group takes part in each match
}

describe('the dashboards', () => {
  it('have fixed uids that are the names of their files, each once', () => {
    const files = dashboardTexts().map(([file]) => file);

    assert.deepEqual(
      dashboards.map(({ uid }) => `${uid}.json`),
      files,
    );
    assert.ok(files.length >= 3);
    assert.equal(new Set(dashboards.map(({ title }) => title)).size, files.length);
  });

  it('are all in the spec of their job, which has files and nothing else', () => {
    const { templates, packages, properties } = jobSpec('promgate-dashboards');
    const files = dashboardTexts().map(([file]) => [file, file]);

    const byName = Object.entries(templates as Record<string, string>).sort();
    assert.deepEqual(byName, files.sort());
    assert.deepEqual([packages, properties], [[], {}]);
    const alerts = jobSpec('promgate-alerts');
    assert.deepEqual(alerts['templates'], { 'promgate.alerts.yml': 'promgate.alerts.yml' });
    for (const job of ['promgate-dashboards', 'promgate-alerts']) {
      const monit = new URL(`../../bosh/jobs/${job}/monit`, import.meta.url);
      assert.equal(readFileSync(monit, 'utf8'), '', 'a job of files has no process');
    }
  });

  it('are explained in docs/monitoring.md', () => {
    const doc = readDoc('monitoring.md');

    assert.deepEqual(
      dashboards.map(({ uid }) => uid).filter((uid) => !doc.includes(`\`${uid}\``)),
      [],
    );
  });

  for (const [file, text] of dashboardTexts()) {
    it(`${file} outlives what the job grafana of prometheus-boshrelease does to it`, function () {
      const jq = requireProgram(this, 'jq');
      assert.doesNotMatch(text, /<%/, 'BOSH would take it for a template');

      const provisioned = text.replaceAll(`\${DS_PROMETHEUS}`, 'prometheus');
      const printed = execFileSync(jq, ['.'], { input: provisioned, encoding: 'utf8' });

      assert.deepEqual(JSON.parse(printed), JSON.parse(provisioned));
      const named = [...provisioned.matchAll(/"type": "prometheus",\s+"uid": "([^"]*)"/g)];
      assert.ok(named.length > 0 && named.every(([, uid]) => uid === 'prometheus'));
    });
  }

  for (const dashboard of dashboards) {
    const { uid, panels, templating } = dashboard;
    const names = templating.list.map(({ name }) => name);

    it(`${uid} is of the classic model, which Grafana 10 and later read`, () => {
      assert.equal(dashboard.id, null);
      assert.equal(dashboard.schemaVersion, 39);
      assert.ok(dashboard.tags.includes('promgate') && dashboard.tags.includes('cf'));
      assert.ok(dashboard.description.length > 10);
      assert.deepEqual(
        panels.filter(({ type }) => !TYPES.includes(type)),
        [],
      );
    });

    it(`${uid} has the variables of operators' other dashboards, and uses each`, () => {
      assert.deepEqual(names.slice(0, 3), ['DS_PROMETHEUS', 'environment', 'bosh_deployment']);
      const used = variablesIn(dashboard);
      for (const name of names.slice(1)) assert.ok(used.has(name), `${name} is used`);
      for (const name of used) {
        assert.ok(names.includes(name) || BUILT_IN.includes(name), `${name} is defined`);
      }
    });

    it(`${uid} asks the data source of its variable everywhere`, () => {
      for (const { title, datasource, targets = [] } of panels) {
        for (const one of [datasource, ...targets.map((target) => target.datasource)]) {
          assert.deepEqual(one, DATA_SOURCE, title);
        }
      }
      for (const { name, type, datasource } of templating.list) {
        if (type !== 'datasource') assert.deepEqual(datasource, DATA_SOURCE, name);
      }
    });

    it(`${uid} has panels with ids of their own that do not overlap`, () => {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      for (const [place, panel] of panels.entries()) {
        const { x, w, h } = panel.gridPos;
        assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= COLUMNS, panel.title);
        const others = panels.slice(place + 1).filter((other) => overlap(panel, other));
        assert.deepEqual(
          others.map(({ title }) => title),
          [],
          panel.title,
        );
      }
    });

    it(`${uid} says of each panel what it shows, in which unit, under which legend`, () => {
      for (const { type, title, description, targets, fieldConfig } of panels) {
        assert.ok(title.length > 0 && description.length > 10, title);
        if (type === 'row') continue;
        assert.ok(UNITS.includes(fieldConfig?.defaults.unit ?? ''), `unit of ${title}`);
        assert.ok(targets && targets.length > 0, title);
        for (const { legendFormat } of targets) assert.ok(legendFormat.length > 0, title);
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      }
    });
  }

  it('of an app and of the foundation name organization, space and app as stock dashboards do', () => {
    const named = (uid: string): string[] =>
      dashboards.find((one) => one.uid === uid)!.templating.list.map(({ name }) => name); // below

    assert.deepEqual(named('promgate-app').slice(3), [
      ...['cf_organization_name', 'cf_space_name', 'cf_application_name', 'cf_application_id'],
    ]);
    const hidden = dashboards
      .find(({ uid }) => uid === 'promgate-app')!
      .templating.list.filter(({ hide }) => hide === 2);
    assert.deepEqual(
      hidden.map(({ name }) => name),
      ['cf_application_id'],
    );
    const foundation = named('promgate-foundation');
    assert.ok(foundation.includes('cf_organization_name') && foundation.includes('cf_space_name'));
  });
});
