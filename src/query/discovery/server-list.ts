/**
 * Lists of servers as Prometheus' file and HTTP discovery write them: `[{targets: [...], labels: {...}}]`.
 */
import type { DiscoveredServer, LabelSet } from '../groups/settings.ts';

/**
 * Reads a list.
 *
 * @param meta - labels that tell where the list came from
 * @throws {Error} if it is none
 */
export function serversOf(value: unknown, meta: LabelSet): readonly DiscoveredServer[] {
  if (!Array.isArray(value)) throw new Error('there is no list of targets and labels');
  return value.flatMap((entry: unknown, at) => {
    const { targets, labels } = asRecord(entry, at);
    if (!Array.isArray(targets)) throw new Error(`entry ${at} has no list of targets`);
    const own = labels === undefined || labels === null ? {} : asRecord(labels, at);
    const texts = Object.entries(own).map(([name, text]) => [name, String(text)]);
    return targets.map((target: unknown) => {
      if (typeof target !== 'string') throw new Error(`entry ${at} has a target that is no text`);
      return { address: target, labels: { ...meta, ...Object.fromEntries(texts) } };
    });
  });
}

function asRecord(value: unknown, at: number): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`entry ${at} is no mapping`);
}
