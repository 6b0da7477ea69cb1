/**
 * The labels that a merge inserts into every sample line of a page, encoded once per instance and
 * list of constant labels.
 */
import type { AppIdentity } from '../discover/app-identity.ts';
import type { Instance } from '../discover/instance.ts';
import { HONORABLE } from './relabel.ts';

export type LabelPair = readonly [name: string, value: string];

export function isSameLabel([name, value]: LabelPair, other: LabelPair): boolean {
  return name === other[0] && value === other[1];
}

/** Escapes a label's value; both formats have the same escapes. */
export function escapeLabelValue(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** Labels to insert. Leaves out labels with empty values, which Prometheus ignores anyway. */
export class InsertedLabels {
  /** The labels, each followed by a comma, as most lines need them. Empty without labels. */
  readonly bytes: Buffer;
  readonly pairs: readonly LabelPair[];
  #without: Map<number, Buffer> | undefined;

  /** @param pairs - in the order in which they are printed */
  constructor(pairs: readonly LabelPair[]) {
    this.pairs = pairs.filter(([, value]) => value !== '');
    this.bytes = encode(this.pairs);
  }

  /**
   * The bytes without the labels that a line has itself.
   *
   * @param honored - bit `i` for the label at place `i` in HONORABLE
   */
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

/** The route table keeps an instance's object as long as the instance does not change. */
const ofInstances = new WeakMap<Instance, InsertedLabels>();

/** The labels of an instance's samples, in Promfetcher's order. */
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
 * The labels of an instance's samples in one of its pages.
 *
 * @param constants - printed after the instance's own; pass the same list again while unchanged
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

const ofRules = new WeakMap<readonly LabelPair[], InsertedLabels>();
const NO_LABELS = new InsertedLabels([]);

/** The labels of samples that get no labels of promgate. @param constants - as for `pageLabels` */
export function constantLabels(constants: readonly LabelPair[] = []): InsertedLabels {
  if (constants.length === 0) return NO_LABELS;
  let labels = ofRules.get(constants);
  if (labels === undefined) {
    labels = new InsertedLabels(constants);
    ofRules.set(constants, labels);
  }
  return labels;
}

/** The labels of an external exporter's samples about an app. */
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
