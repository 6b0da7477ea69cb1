/**
 * A small ledger for tests of pages: what it holds is written as pages of text, whose comments may
 * have the types and units of OpenMetrics.
 */
import type { FamilyType } from '../../../src/exposition/grammar.ts';
import { type Label, parseLabels, printLabels, sortLabels } from '../../../src/push/labels.ts';
import type {
  LedgerFamily,
  LedgerGroup,
  LedgerMetric,
  MetricRun,
  PageSource,
} from '../../../src/push/page-source.ts';
import { isCompound } from '../../../src/push/pushed-page.ts';

interface Metric extends LedgerMetric {
  run: MetricRun;
}

interface Block {
  version: number;
  readonly metrics: Metric[];
}

interface Family extends LedgerFamily {
  help: string;
  unit: string;
  type: FamilyType;
  readonly blocks: Block[];
  readonly byLabels: Map<string, { readonly metric: Metric; readonly block: Block }>;
}

const CREATED_MS = 1_700_000_000_125;

export class PageLedger implements PageSource {
  readonly seenCalls: { readonly tenant: string | undefined; readonly beganMs: number }[] = [];
  readonly #families = new Map<string, Family>();
  readonly #blockSize: number;
  groupsNow: LedgerGroup[] = [];
  #version = 0;

  constructor(blockSize = 64) {
    this.#blockSize = blockSize;
  }

  *families(tenant?: string): Generator<LedgerFamily> {
    for (const family of this.#families.values()) {
      if (tenant === undefined || family.tenant === tenant) yield family;
    }
  }

  groups(): Iterable<LedgerGroup> {
    return this.groupsNow;
  }

  seen(tenant: string | undefined, beganMs: number): void {
    this.seenCalls.push({ tenant, beganMs });
  }

  family(tenant: string, name: string): Family {
    const known = this.#families.get(`${tenant}\n${name}`);
    if (known) return known;
    const blocks: Block[] = [];
    const family: Family = {
      ...{ tenant, name, type: 'unknown', help: '', unit: '', blocks, byLabels: new Map() },
      get size() {
        return this.byLabels.size;
      },
    };
    this.#families.set(`${tenant}\n${name}`, family);
    return family;
  }

  /** Puts in a metric, or changes what it is worth. */
  put({ blocks, byLabels }: Family, labels: string, run: MetricRun): void {
    const known = byLabels.get(labels);
    if (known) {
      known.metric.run = run;
      known.block.version = ++this.#version;
      return;
    }
    const last = blocks.at(-1);
    const block = last && last.metrics.length < this.#blockSize ? last : newBlock();
    if (block !== last) blocks.push(block);
    const metric: Metric = { labels, createdMs: CREATED_MS, run, current: () => metric.run };
    block.metrics.push(metric);
    block.version = ++this.#version;
    byLabels.set(labels, { metric, block });
  }

  /** Puts in all metrics of a page, which has the lines of each metric together. */
  putPage(tenant: string, page: string): void {
    let family = this.family(tenant, '');
    this.#families.delete(`${tenant}\n`);
    const rows = new Map<Family, Map<string, Map<string, number>>>();
    for (const line of page.split('\n').filter((one) => one !== '')) {
      const [, word, quoted, plain, text = ''] = COMMENT.exec(line) ?? [];
      if (word !== undefined) {
        family = this.family(tenant, quoted ?? plain ?? '');
        if (word === 'TYPE') family.type = (text === 'untyped' ? 'unknown' : text) as FamilyType; // written by hand
        if (word === 'HELP') family.help = text.replaceAll('\\n', '\n').replaceAll('\\\\', '\\');
        if (word === 'UNIT') family.unit = text;
        continue;
      }
      const { name, labels, value } = readSample(line);
      const isOwn = isCompound(family.type) && name.startsWith(family.name);
      if (!isOwn && name !== family.name) family = this.family(tenant, name);
      const own = labels.find(([label]) => isOwn && (label === 'le' || label === 'quantile'));
      const others = printLabels(sortLabels(labels.filter((one) => one !== own)));
      const metrics = rows.get(family) ?? new Map<string, Map<string, number>>();
      rows.set(family, metrics);
      const values = metrics.get(others) ?? new Map<string, number>();
      metrics.set(others, values.set(own?.[1] ?? name.slice(family.name.length), value));
    }
    for (const [one, metrics] of rows) {
      for (const [labels, values] of metrics) this.put(one, labels, runOf(one.type, values));
    }
  }
}

const COMMENT = /^# (TYPE|HELP|UNIT) (?:"([^"]+)"|(\S+)) (.*)$/;
const SAMPLE = /^(?:([\w:]+)(?:\{(.*)\})?|\{"([^"]+)",?(.*)\}) (\S+)$/;

function newBlock(): Block {
  return { version: 0, metrics: [] };
}

function readSample(line: string): { name: string; labels: Label[]; value: number } {
  const [, plain, plainLabels, quoted, quotedLabels, value = ''] = SAMPLE.exec(line) ?? [];
  const name = plain ?? quoted;
  if (name === undefined) throw new Error(`no sample: ${line}`);
  return {
    name,
    labels: parseLabels(plainLabels ?? quotedLabels ?? ''),
    value: Number(value.replace('Inf', 'Infinity')),
  };
}

function runOf(type: FamilyType, values: Map<string, number>): MetricRun {
  if (!isCompound(type)) return { bounds: [], values: [...values.values()], native: undefined };
  const bounds = [...values.keys()].filter((key) => key !== '+Inf' && /^[-\d.]/.test(key));
  const count = values.get('_count') ?? values.get('_gcount') ?? values.get('+Inf') ?? Number.NaN;
  const sum = values.get('_sum') ?? values.get('_gsum') ?? Number.NaN;
  const rows = bounds.map((bound) => values.get(bound) ?? Number.NaN);
  return { bounds: bounds.map(Number), values: [count, sum, ...rows], native: undefined };
}
