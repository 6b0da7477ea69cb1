/** The Grafana dashboards that promgate ships. */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../bosh/jobs/promgate-dashboards/templates/', import.meta.url);

interface DataSource {
  readonly type: string;
  readonly uid: string;
}

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: DataSource;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly datasource: DataSource;
  /** Rows have none. */
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: DataSource;
  readonly hide: number;
}

export interface Dashboard {
  readonly id: null;
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly schemaVersion: number;
  readonly tags: readonly string[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

/** The texts by the name of the file. */
export function dashboardTexts(): [file: string, text: string][] {
  return readdirSync(FOLDER).map((file) => [file, readFileSync(new URL(file, FOLDER), 'utf8')]);
}

export function readDashboards(): Dashboard[] {
  return dashboardTexts().map(([, text]) => JSON.parse(text) as Dashboard);
}

/** The variables that are asked of Prometheus, with what their query is. */
export function queried(dashboard: Dashboard): { name: string; query: string }[] {
  return dashboard.templating.list.flatMap(({ name, query }) =>
    typeof query === 'string' ? [] : [{ name, query: query.query }],
  );
}
