/** The rules of Prometheus that promgate ships, and the cases of each. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const RULES_FILE = fileURLToPath(
  new URL('../../bosh/jobs/promgate-alerts/templates/promgate.alerts.yml', import.meta.url),
);

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Scenario {
  /** promtool's notation of the values, by series. */
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
}

/** What an alert does in two situations. */
export interface AlertCase {
  readonly fires: Scenario & {
    readonly labels: Readonly<Record<string, string>>;
    /** What the annotations print for the value. */
    readonly value?: string | number;
  };
  readonly silent: Scenario;
}

export function readAlerts(): Alert[] {
  const file = parse(readFileSync(RULES_FILE, 'utf8')) as {
    readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[];
  };
  return file.groups.flatMap(({ rules }) => rules);
}

/** The cases by the alert's name, which further words may follow. */
export function readCases(): Record<string, AlertCase> {
  return parse(readFileSync(new URL('alerts.yml', import.meta.url), 'utf8')) as Record<
    string,
    AlertCase
  >;
}
