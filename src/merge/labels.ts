/**
 * The labels that a merge inserts into every sample line of a page, encoded once per instance.
 */
import type { AppIdentity, Instance } from '../discover/instance.ts';
import { HONORABLE } from './relabel.ts';

export type LabelPair = readonly [name: string, value: string];

export function isSameLabel([name, value]: LabelPair, other: LabelPair): boolean {
  return name === other[0] && value === other[1];
}

/** Escapes a label's value, for either format. */
export function escapeLabelValue(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** Labels to be inserted. An empty value is no label, which means the same to Prometheus. */
export class InsertedLabels {
  /** Each followed by a comma: what most lines need. Empty when there are none. */
  readonly bytes: Buffer;
  readonly pairs: readonly LabelPair[];
  #without: Map<number, Buffer> | undefined;

  /** @param pairs - in the order in which they are printed */
  constructor(pairs: readonly LabelPair[]) {
    this.pairs = pairs.filter(([, value]) => value !== '');
    this.bytes = encode(this.pairs);
  }

  /** @param honored - bits: labels that a line has itself, by their place in HONORABLE */
  without(honored: number): Buffer {
    if (honored === 0) return this.bytes;
    this.#without ??= new Map();
    let bytes = this.#without.get(honored);
    if (bytes === undefined) {
      const names: readonly string[] = HONORABLE.filter((_, at) => (honored >> at) & 1);
      bytes = encode(this.pairs.filter(([name]) => !names.includes(name)));
      this.#without.set(honored, bytes);
    }
    return bytes;
  }
}

function encode(pairs: readonly LabelPair[]): Buffer {
  return Buffer.from(
    pairs.map(([name, value]) => `${name}="${escapeLabelValue(value)}",`).join(''),
  );
}

/** Instances stay the same objects while nothing changes in the table. */
const ofInstances = new WeakMap<Instance, InsertedLabels>();

/** The labels of what an instance gave, in Promfetcher's order. */
export function instanceLabels(instance: Instance): InsertedLabels {
  let labels = ofInstances.get(instance);
  if (labels === undefined) {
    const { app, index, endpoint } = instance;
    const own: LabelPair[] = [
      ['index', index],
      ['instance_id', index],
      ['instance', endpoint.address],
    ];
    labels = new InsertedLabels([...appPairs(app), ...own]);
    ofInstances.set(instance, labels);
  }
  return labels;
}

const ofPages = new WeakMap<readonly LabelPair[], WeakMap<Instance, InsertedLabels>>();

/**
 * The labels of what an instance gave as one of its pages.
 *
 * @param constants - stand behind the instance's own; the same list while nothing changes
 */
export function pageLabels(instance: Instance, constants: readonly LabelPair[]): InsertedLabels {
  const own = instanceLabels(instance);
  if (constants.length === 0) return own;
  let ofInstance = ofPages.get(constants);
  if (ofInstance === undefined) {
    ofInstance = new WeakMap();
    ofPages.set(constants, ofInstance);
  }
  let labels = ofInstance.get(instance);
  if (labels === undefined) {
    labels = new InsertedLabels([...own.pairs, ...constants]);
    ofInstance.set(instance, labels);
  }
  return labels;
}

/** The labels of what an external exporter gave about an app. */
export function appLabels(app: AppIdentity): InsertedLabels {
  return new InsertedLabels(appPairs(app));
}

function appPairs(app: AppIdentity): LabelPair[] {
  return [
    ['organization_id', app.organizationId],
    ['space_id', app.spaceId],
    ['app_id', app.appId],
    ['organization_name', app.organizationName],
    ['space_name', app.spaceName],
    ['app_name', app.appName],
  ];
}
