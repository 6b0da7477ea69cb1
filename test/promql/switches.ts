import type { Switches } from '../../src/promql/parse.ts';

/** The whole language. */
export const ALL_ON: Switches = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRanges: true,
  fillModifiers: true,
};
