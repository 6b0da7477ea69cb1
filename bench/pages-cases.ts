/** The cases of `--only pages`: small and large apps, and pages as different as those of real apps. */
import type { PageTraits } from '../test/support/exposition-pages.ts';

/** Where instances have a second page. */
export const SECOND_PATH = '/second/metrics';

/** The pages of the instances of each app. */
export interface PagesOf {
  readonly traits: PageTraits;
  /** The pages at a second path, which a binding names. Default: there is none. */
  readonly second?: PageTraits;
}

export interface PagesCase extends PagesOf {
  readonly name: string;
  readonly apps: number;
  /** Of each app. */
  readonly instances: number;
  readonly sizeBytes: number;
  readonly readers: number;
  /** The time before each answer of an instance. Default 0. */
  readonly delayMs?: number;
  readonly gzip?: boolean;
  /** The same bytes without the difficulty of the case, to be read by a second promgate. */
  readonly reference?: PagesOf;
  /** The largest ratio of promgate's CPU to the floor's. */
  readonly toReach: number;
  /** The largest ratio to the reference. */
  readonly toReachOfReference?: number;
}

const DRIFT: PageTraits = { drift: 0.1 };
/** As a Go map or a Java registry prints: programs that drift, too. */
const ORDER: PageTraits = { drift: 0.1, order: 'random' };
const THIRD: PageTraits = { shared: 1 / 3 };
const DIFFERENT: PageTraits = { shared: 0 };
const CONFLICT: PageTraits = { ownLabels: 'conflicting' };
const HARMLESS: PageTraits = { ownLabels: 'harmless' };

const ONE_APP = { apps: 1, sizeBytes: 50_000, readers: 1 };
const HUNDRED = { ...ONE_APP, instances: 100 };
const HARD = { toReach: 1.6, toReachOfReference: 1.3 };

const BY_SIZE: readonly PagesCase[] = [10, 100, 1_000].flatMap((instances) => {
  const few = { ...ONE_APP, instances, toReach: 1.4 };
  return [
    { name: `${instances}-same`, ...few, traits: {} },
    { name: `${instances}-drift`, ...few, traits: DRIFT },
    { name: `${instances}-order`, ...few, traits: ORDER },
    { name: `${instances}-third`, ...few, traits: THIRD },
  ];
});

const LATE: PagesCase = { name: '100-late', ...HUNDRED, delayMs: 100, traits: {}, toReach: 1.4 };

const HARDER: readonly PagesCase[] = [
  { name: '100-different', ...HUNDRED, traits: DIFFERENT, toReach: 1.6 },
  {
    name: '100-conflict',
    ...{ ...HUNDRED, traits: CONFLICT, reference: { traits: HARMLESS } },
    ...HARD,
  },
  {
    name: '100-conflict-different',
    ...{ ...HUNDRED, traits: { ...CONFLICT, shared: 0 } },
    reference: { traits: { ...HARMLESS, shared: 0 } },
    ...HARD,
  },
  {
    name: '100-openmetrics',
    ...{ ...HUNDRED, traits: { format: 'openmetrics' }, reference: { traits: {} } },
    ...HARD,
  },
  {
    name: '100-two-paths',
    ...{ ...HUNDRED, traits: {}, second: {} },
    reference: { traits: {}, second: { names: 'client' } },
    ...HARD,
  },
];

const APPS: readonly PagesCase[] = [500, 2_000].map((apps) => ({
  name: `${apps}-apps`,
  ...{ apps, instances: 3, sizeBytes: 20_000, readers: 16, traits: DRIFT, toReach: 1.5 },
}));

const ONE_INSTANCE: readonly PagesCase[] = [2_000, 50_000].flatMap((sizeBytes) =>
  [1, 16].map((readers) => ({
    name: `one-${sizeBytes / 1_000}k-${readers}`,
    ...{ apps: 1, instances: 1, sizeBytes, readers, traits: {}, toReach: 1.5 },
  })),
);

const GZIP: readonly PagesCase[] = [
  { name: 'gzip-1', ...ONE_APP, instances: 1, gzip: true, traits: {}, toReach: 1.3 },
  { name: 'gzip-100', ...HUNDRED, gzip: true, traits: {}, toReach: 1.3 },
  { name: 'gzip-100-order', ...HUNDRED, gzip: true, traits: ORDER, toReach: 1.3 },
];

export const PAGES_CASES: readonly PagesCase[] = [
  ...BY_SIZE,
  LATE,
  ...HARDER,
  ...APPS,
  ...ONE_INSTANCE,
  ...GZIP,
];

/** The cases named `wanted`, or else those whose name begins with it. */
export function casesNamed(wanted: string | undefined): readonly PagesCase[] {
  if (wanted === undefined) return PAGES_CASES;
  const exact = PAGES_CASES.filter(({ name }) => name === wanted);
  const found = exact.length > 0 ? exact : PAGES_CASES.filter((one) => one.name.startsWith(wanted));
  if (found.length > 0) return found;
  throw new Error(`no case ${wanted}; there are ${PAGES_CASES.map(({ name }) => name).join(' ')}`);
}
