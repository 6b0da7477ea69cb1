/**
 * Compares what Prometheus has stored with what the instances of a simulated foundation said of
 * themselves.
 */
import type { Prometheus } from '../prometheus.ts';
import { type Cells, IDENTITY_FAMILY } from './cells.ts';

type Labels = Readonly<Record<string, string>>;

/** What an instance says, and the label of promgate that must say the same. */
const SAME = [
  ['own_app', 'app_id'],
  ['own_name', 'app_name'],
  ['own_space', 'space_name'],
  ['own_organization', 'organization_name'],
  ['own_index', 'index'],
] as const;

/** All series that Prometheus has ever stored of the instances. */
export async function storedIdentities(prometheus: Pick<Prometheus, 'api'>): Promise<Labels[]> {
  const match = encodeURIComponent(IDENTITY_FAMILY);
  return (await prometheus.api(`/api/v1/series?match[]=${match}`)) as Labels[]; // as its API says
}

/** The series under a wrong name or index, and those of one instance under two addresses. */
export function wrongIdentities(series: readonly Labels[]): string[] {
  const wrong = series.filter((labels) =>
    SAME.some(([own, given]) => labels[own] !== labels[given]),
  );
  const perInstance = Map.groupBy(series, (labels) => labels['own_instance']);
  const torn = [...perInstance.values()].filter((all) => all.length > 1).flat();
  return [...wrong, ...torn].map((labels) => JSON.stringify(labels));
}

/** How the instances that Prometheus sees now differ from those that run; empty if they do not. */
export async function difference(
  prometheus: Pick<Prometheus, 'query'>,
  cells: Cells,
): Promise<{ readonly missing: string[]; readonly gone: string[] }> {
  const seen = new Set(
    (await prometheus.query(IDENTITY_FAMILY)).map(({ labels }) => labels['own_instance'] ?? ''),
  );
  const web = [...cells.running.values()].filter(({ process }) => process.type === 'web');
  const wanted = new Set(web.map(({ instance }) => instance.guid));
  return {
    missing: [...wanted].filter((guid) => !seen.has(guid)),
    gone: [...seen].filter((guid) => !wanted.has(guid)),
  };
}
