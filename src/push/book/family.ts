/**
 * The families of a tenant, their metrics, and the blocks in which the metrics lie.
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import type { Label } from '../labels.ts';
import type { LedgerFamily, LedgerMetric, MetricBlock, MetricRun } from '../page-source.ts';
import { type GaugeMode, isCompound, sampleCount } from '../pushed-page.ts';
import type { Held } from './held.ts';

/** Metrics of a block: a page is rendered anew block by block. */
const BLOCK_SIZE = 32;

/** What a metric has gathered in one layout, or of one source: a record `m`. */
export interface Share {
  /** `MetricTimes`, the run, and what the sum lost by rounding (`exact-sum.ts`). */
  readonly held: Held;
  /** Where the run begins in the cells. */
  readonly at: number;
  /** The length of the run. */
  readonly size: number;
  readonly bounds: readonly number[];
  /** The text of `bounds`, by which layouts are compared. */
  readonly layout: string;
  /** '' for what belongs to no source; see `shares.ts` for texts that begin with a line feed. */
  readonly source: string;
}

/** Of metrics that have been added just now. */
const NO_SHARES: Share[] = [];
Object.freeze(NO_SHARES);

/** A group of replace mode. */
export class Group {
  readonly key: string;
  readonly labels: readonly Label[];
  readonly metrics = new Set<Metric>();

  /** @param key - the text of the labels */
  constructor(key: string, labels: readonly Label[]) {
    this.key = key;
    this.labels = labels;
  }
}

export class Metric implements LedgerMetric {
  readonly family: Family;
  readonly labels: string;
  readonly group: Group | undefined;
  /** Replaced by the first share: an array that grows takes room for 17. */
  shares: Share[] = NO_SHARES;
  native: Buffer | undefined;
  block!: Block; // set by the family that the metric is added to
  readonly #reader: MetricReader;

  constructor(family: Family, labels: string, group: Group | undefined, reader: MetricReader) {
    this.family = family;
    this.labels = labels;
    this.group = group;
    this.#reader = reader;
  }

  get createdMs(): number {
    return this.#reader.createdMs(this);
  }

  current(): MetricRun {
    return this.#reader.run(this);
  }

  /** How many series the metric has on a page. */
  get series(): number {
    const { type } = this.family;
    if (this.shares.length === 1 || !isCompound(type))
      return sampleCount(type, this.shares[0]!.bounds); // no metric is without shares
    return sampleCount(type, this.current().bounds);
  }
}

/** Reads the shares of a metric. */
export interface MetricReader {
  run(metric: Metric): MetricRun;
  createdMs(metric: Metric): number;
}

export class Block implements MetricBlock {
  version: number;
  readonly metrics: Metric[] = [];

  constructor(version: number) {
    this.version = version;
  }
}

/** Numbers the states of blocks. */
export class Versions {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

export interface FamilyTraits {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly unit: string;
  readonly gaugeMode: GaugeMode;
}

export class Family implements LedgerFamily {
  readonly tenant: string;
  traits: FamilyTraits;
  readonly blocks: Block[] = [];
  readonly metrics = new Map<string, Metric>();
  /** The record `f`. */
  held: Held | undefined;
  /** How many shares have each layout of buckets, in aggregate mode. */
  readonly layouts = new Map<string, number>();
  /** The series of all metrics. */
  series = 0;
  readonly #versions: Versions;

  constructor(tenant: string, traits: FamilyTraits, versions: Versions) {
    this.tenant = tenant;
    this.traits = traits;
    this.#versions = versions;
  }

  get name(): string {
    return this.traits.name;
  }

  get type(): FamilyType {
    return this.traits.type;
  }

  get help(): string {
    return this.traits.help;
  }

  get unit(): string {
    return this.traits.unit;
  }

  get size(): number {
    return this.metrics.size;
  }

  add(metric: Metric): void {
    let block = this.blocks.at(-1);
    if (block === undefined || block.metrics.length >= BLOCK_SIZE) {
      block = new Block(0);
      this.blocks.push(block);
    }
    block.metrics.push(metric);
    metric.block = block;
    this.metrics.set(metric.labels, metric);
    this.touch(metric);
  }

  remove(metric: Metric): void {
    const { block } = metric;
    this.metrics.delete(metric.labels);
    block.metrics.splice(block.metrics.indexOf(metric), 1);
    if (block.metrics.length === 0) this.blocks.splice(this.blocks.indexOf(block), 1);
    else this.touch(metric);
  }

  /** To be called with every change of a metric. */
  touch({ block }: Metric): void {
    block.version = this.#versions.next();
  }
}
