/**
 * The labels that say which promgate printed a page of its own metrics, where the platform names it.
 *
 * They have a prefix of their own, since `app_name` and its like are labels of the apps that promgate
 * scrapes. Behind a router, which spreads requests over the instances of promgate, they keep the
 * counters of one instance apart from those of the others.
 */

/** What promgate is on its platform. */
export interface OwnApp {
  readonly organizationName: string | undefined;
  readonly spaceName: string | undefined;
  readonly appName: string | undefined;
  readonly index: string | undefined;
}

/** @returns the labels for every series; none without `own` */
export function ownLabels(own: OwnApp | undefined): Readonly<Record<string, string>> {
  const labels = {
    promgate_organization: own?.organizationName,
    promgate_space: own?.spaceName,
    promgate_app: own?.appName,
    promgate_index: own?.index,
  };
  const known = Object.entries(labels).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(known);
}
