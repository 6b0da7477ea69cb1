/** What the lines of a body say, before metrics are put together of them. */
import type { Body } from '../../exposition/body.ts';
import type { BodyFamilies } from './body-families.ts';
import type { BodySamples } from './body-samples.ts';
import type { Integers } from './growing-array.ts';
import type { MetricTable } from './metric-table.ts';

export interface BodyLines {
  readonly body: Body;
  readonly families: BodyFamilies;
  readonly metrics: MetricTable;
  readonly samples: BodySamples;
  /** How many samples have a timestamp. */
  readonly timestamps: number;
  /**
   * Three numbers for each value of the text: where the value begins and ends, and the number of
   * its sample, or -1 if the value counts for nothing. Undefined if the body gets no layout.
   */
  readonly cuts: Integers | undefined;
}
