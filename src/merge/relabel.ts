/**
 * Resolves clashes between a page's own labels and the labels that promgate inserts.
 */

/**
 * `exported` renames the page's label as Prometheus does; `drop` drops the page's label; `honor`
 * keeps the page's label, if it is HONORABLE, instead of promgate's.
 */
const LABEL_CONFLICTS = ['exported', 'drop', 'honor'] as const;

export type LabelConflict = (typeof LABEL_CONFLICTS)[number];

/** Labels for org, space and app, in Promfetcher's order. Samples of exporters get no others. */
export const APP_LABELS = [
  'organization_id',
  'space_id',
  'app_id',
  'organization_name',
  'space_name',
  'app_name',
] as const;

/**
 * Labels that `honor` leaves to the app. Labels for org, space and app are not among them, since an
 * app could pose as another app.
 */
export const HONORABLE = ['index', 'instance_id', 'instance'] as const;

/** The labels of each sample of an instance, in Promfetcher's order. */
export const INSTANCE_LABELS = [...APP_LABELS, ...HONORABLE] as const;

/**
 * The new name of a label that clashes: `exported_` before the name, as often as needed.
 *
 * @param taken - the names of the line's labels and of the labels to insert
 * @returns `undefined` when the label is dropped
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
