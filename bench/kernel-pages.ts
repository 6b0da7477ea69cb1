/** Pages that are kind to the kernel, and pages that are not. */
import { expositionPage, type PageShape } from '../test/support/exposition-pages.ts';

/**
 * `same`: the same lines in all pages. `gauges`: the same lines, each a family of its own.
 * `shuffled`: families in another order in each page, and every tenth sample missing.
 * `own-label`: a label with the page's own value first in each line.
 */
export type PageKind = 'same' | 'gauges' | 'shuffled' | 'own-label';

export function pageOf(kind: PageKind, shape: PageShape): Buffer {
  const page = kind === 'gauges' ? gauges(shape) : expositionPage(shape);
  if (kind === 'shuffled') return shuffled(page, shape.seed);
  return kind === 'own-label' ? withOwnLabel(page, shape.seed) : page;
}

function gauges({ sizeBytes, seed }: PageShape): Buffer {
  let page = '';
  for (let n = 0; page.length < sizeBytes; n++) {
    const name = `pool_${n}_connections_in_use`;
    page += `# HELP ${name} Connections in use.\n# TYPE ${name} gauge\n`;
    page += `${name}{database="orders-${n % 7}"} ${(seed * 7919 + n * 31) % 10_000}\n`;
  }
  return Buffer.from(page);
}

/** Families begin with their HELP line. */
function shuffled(page: Buffer, seed: number): Buffer {
  const families = page.toString('latin1').split(/^(?=# HELP )/m);
  const placed = families.map((family, at) => ({ family, place: scattered(at, seed) }));
  placed.sort((left, right) => left.place - right.place);
  const lines = placed.flatMap(({ family }) => family.split(/(?<=\n)/));
  const kept = lines.filter((line, at) => line.startsWith('#') || scattered(at, seed) % 10 > 0);
  return Buffer.from(kept.join(''), 'latin1');
}

function withOwnLabel(page: Buffer, seed: number): Buffer {
  const text = page.toString('latin1');
  const label = `pod="shop-${seed}"`;
  return Buffer.from(
    text
      .replaceAll(/^(?!#)[^{\n]*\{/gm, (front) => `${front}${label},`)
      .replaceAll(/^(?!#)([^{\n ]+) /gm, `$1{${label}} `),
    'latin1',
  );
}

/** A number that says nothing of `at`, and is the same in every run. */
function scattered(at: number, seed: number): number {
  return Math.imul(Math.imul(at + 1, 0x9e3779b1) ^ (seed + 1), 0x85ebca6b) >>> 0;
}
