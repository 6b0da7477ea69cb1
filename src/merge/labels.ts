/**
 * The labels that a merge inserts into every sample line of a page, encoded once per page.
 */
import type { AppIdentity, Instance } from '../discover/instance.ts';
import { ALONE, BARE, BEFORE, BEHIND } from '../exposition/series.ts';

export type LabelPair = readonly [name: string, value: string];

/** One block of bytes for each way of insertion (series.ts), ready to be copied. */
export type LabelBlocks = readonly [bare: Buffer, before: Buffer, alone: Buffer, behind: Buffer];

/** Escapes a label's value, for either format. */
export function escapeLabelValue(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** Labels to be inserted. An empty value is no label, which means the same to Prometheus. */
export class InsertedLabels {
  /** With all labels. */
  readonly blocks: LabelBlocks;
  readonly #pairs: readonly LabelPair[];
  readonly #honorable: readonly string[];
  readonly #without = new Map<number, LabelBlocks>();

  /**
   * @param pairs - in the order in which they are printed
   * @param honorable - names that a line may have itself: bit n of `without` is the nth
   */
  constructor(pairs: readonly LabelPair[], honorable: readonly string[] = []) {
    this.#pairs = pairs.filter(([, value]) => value !== '');
    this.#honorable = honorable;
    this.blocks = encode(this.#pairs);
  }

  /** The blocks without those labels that a line has itself. */
  without(honored: number): LabelBlocks {
    let blocks = this.#without.get(honored);
    if (blocks === undefined) {
      const names = this.#honorable.filter((_, at) => (honored >> at) & 1);
      blocks = encode(this.#pairs.filter(([name]) => !names.includes(name)));
      this.#without.set(honored, blocks);
    }
    return blocks;
  }
}

function encode(pairs: readonly LabelPair[]): LabelBlocks {
  const text = pairs.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(',');
  const blocks = ['', '', '', ''];
  if (text !== '') {
    blocks[BARE] = `{${text}}`;
    blocks[BEFORE] = `${text},`;
    blocks[ALONE] = text;
    blocks[BEHIND] = `,${text}`;
  }
  const [bare, before, alone, behind] = blocks.map((block) => Buffer.from(block));
  return [bare!, before!, alone!, behind!];
}

/** The labels of what an instance gave, in Promfetcher's order. */
export function instancePairs({ app, index, endpoint }: Instance): LabelPair[] {
  return [
    ...appPairs(app),
    ['index', index],
    ['instance_id', index],
    ['instance', endpoint.address],
  ];
}

/** The labels of what an external exporter gave about an app. */
export function appPairs(app: AppIdentity): LabelPair[] {
  return [
    ['organization_id', app.organizationId],
    ['space_id', app.spaceId],
    ['app_id', app.appId],
    ['organization_name', app.organizationName],
    ['space_name', app.spaceName],
    ['app_name', app.appName],
  ];
}
