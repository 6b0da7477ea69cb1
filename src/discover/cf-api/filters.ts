/**
 * Which of the apps that the token may see promgate takes.
 */
import type { AppIdentity } from '../app-identity.ts';
import { matchesAny } from './glob.ts';

export interface Filters {
  /** Names with `*` and `?`; an empty list selects all. */
  readonly organizations: readonly string[];
  readonly spaces: readonly string[];
  readonly apps: readonly string[];
  /** The API applies it: `team=payments,tier in (web,api)`. */
  readonly labelSelector?: string | undefined;
  /** Only apps with `prometheus.io/scrape: "true"` or a registration of the metric registrar. */
  readonly onlyDeclared: boolean;
}

export function isSelected(
  { organizations, spaces, apps }: Filters,
  { organizationName, spaceName, appName }: AppIdentity,
): boolean {
  return (
    matchesAny(organizations, organizationName) &&
    matchesAny(spaces, spaceName) &&
    matchesAny(apps, appName)
  );
}

/** Whether some apps may be left out, so that it pays to ask only for what belongs to the others. */
export function selectsSome({ organizations, spaces, apps, labelSelector }: Filters): boolean {
  return organizations.length + spaces.length + apps.length > 0 || labelSelector !== undefined;
}
