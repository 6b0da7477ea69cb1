/**
 * What becomes of an app's own labels whose names promgate uses.
 */

/** `exported`: renamed as Prometheus does; `drop`: left out; `honor`: the app's wins. */
const LABEL_CONFLICTS = ['exported', 'drop', 'honor'] as const;

export type LabelConflict = (typeof LABEL_CONFLICTS)[number];

/** The labels of org, space and app, in Promfetcher's order: all that an external exporter's samples get. */
export const APP_LABELS = [
  'organization_id',
  'space_id',
  'app_id',
  'organization_name',
  'space_name',
  'app_name',
] as const;

/**
 * Labels that `honor` leaves to the app. Never those of org, space and app: an app would speak in
 * another one's name.
 */
export const HONORABLE = ['index', 'instance_id', 'instance'] as const;

/** The labels of every sample that an instance gave, in Promfetcher's order. */
export const INSTANCE_LABELS = [...APP_LABELS, ...HONORABLE] as const;

/**
 * The new name of a label that stands in the way.
 *
 * @param taken - names that the line has, and names that will be inserted
 * @returns `undefined` when the label is left out
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
 *   (`honor_labels`)
 */
export function relabel(
  name: string,
  taken: ReadonlySet<string>,
  conflict: LabelConflict,
): string | undefined {
  if (conflict === 'drop') return undefined;
  let exported = name;
  do exported = `exported_${exported}`;
  while (taken.has(exported));
  return exported;
}
