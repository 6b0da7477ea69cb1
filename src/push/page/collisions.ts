/** Two families of a body that would print samples of one name. */
import { isCompound, type PushedFamily } from '../pushed-page.ts';
import { PushRefusal } from '../refusal.ts';

const SUFFIXES = {
  summary: ['_sum', '_count'],
  histogram: ['_sum', '_count', '_bucket'],
  gaugehistogram: ['_gsum', '_gcount', '_bucket'],
} as const;

/** @throws {PushRefusal} `series_conflict`, such as for a histogram `h` and a counter `h_count` */
export function refuseCollisions(families: readonly PushedFamily[]): void {
  const compound = families.filter(({ type }) => isCompound(type));
  if (compound.length === 0) return;
  const names = new Set(families.map(({ name }) => name));
  for (const { name, type } of compound) {
    const suffixes = SUFFIXES[type as keyof typeof SUFFIXES]; // it is a compound type
    const other = suffixes.map((suffix) => `${name}${suffix}`).find((one) => names.has(one));
    if (other === undefined) continue;
    throw new PushRefusal(
      'series_conflict',
      `the ${type} ${name} collides with the family ${other}`,
    );
  }
}
