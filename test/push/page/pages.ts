/** Whole pages of pushed metrics, for tests. */

import { PageRenderer } from '../../../src/push/page/page-pieces.ts';
import type { PagePlan, PageStyle } from '../../../src/push/page/page-plan.ts';
import type { PageSource } from '../../../src/push/page-source.ts';

export function newRenderer(source: PageSource, maxKeptBytes = 0): PageRenderer {
  return new PageRenderer(source, { maxKeptBytes });
}

export async function pageOf(
  renderer: PageRenderer,
  style: PageStyle,
  tenant?: string,
): Promise<Buffer> {
  const pieces = renderer.pieces({ tenant, style }, () => undefined);
  return Buffer.concat((await Array.fromAsync(pieces)).map(({ plain }) => plain));
}

export function planOf(source: PageSource, style: PageStyle): Promise<PagePlan> {
  return newRenderer(source).plan({ tenant: undefined, style }, () => undefined);
}
