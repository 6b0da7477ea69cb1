/**
 * Which settings of the configuration apply to a push: the settings of its tenant, and those of each
 * family of metrics in it.
 *
 * Each setting is looked up by itself. What the push says comes first: a comment line of the family,
 * then a header. Then come the first rule that fits the family and has the setting, the first entry of
 * `push.tenants` that fits the tenant and has it, and the section `push`.
 */
import { normalizeGuid } from '../../broker/guid.ts';
import { type Glob, toGlob } from './glob.ts';
import type { PushMode, Temporality, Tenancy } from './push.ts';
import type { GaugeMode } from './pushed-page.ts';

/** Settings of which each may be left to a weaker place. */
interface Handling {
  readonly temporality?: Temporality | undefined;
  readonly gaugeMode?: GaugeMode | undefined;
  /** 0: no end. */
  readonly ttlMs?: number | undefined;
  /** Names of labels that are dropped. */
  readonly without?: readonly string[] | undefined;
}

/** The limits of one tenant, as in `push.limits`. */
export interface TenantLimits {
  readonly maxBodyBytes: number;
  readonly maxDecompressedBytes: number;
  readonly series: number;
  readonly seriesPerFamily: number;
  readonly families: number;
  readonly groups: number;
  readonly labels: number;
  readonly labelNameLength: number;
  readonly labelValueLength: number;
  readonly sources: number;
  readonly pushesPerSecond: number;
}

/** An entry of `push.rules`. */
interface FamilyRule extends Handling {
  /** A glob. */
  readonly families: string;
}

/** An entry of `push.tenants`; its globs fit guids and names. */
interface TenantRule extends Handling {
  readonly organization?: string | undefined;
  readonly space?: string | undefined;
  readonly app?: string | undefined;
  readonly jobMode?: PushMode | undefined;
  readonly limits?: { readonly [Name in keyof TenantLimits]?: number | undefined } | undefined;
}

/** The section `push`, as far as this file needs it. */
export interface PushSettings extends Required<Handling> {
  readonly temporality: Temporality;
  readonly gaugeMode: GaugeMode;
  readonly ttlMs: number;
  readonly without: readonly string[];
  readonly jobMode: PushMode;
  readonly portJobMode?: PushMode | undefined;
  readonly limits: TenantLimits;
  readonly rules: readonly FamilyRule[];
  readonly tenants: readonly TenantRule[];
}

/** The settings of one tenant. Ask `familyRules` for those of its families. */
export interface TenantRules {
  /** What a push to `/metrics/job/…` does unless `X-Push-Mode` says otherwise. */
  readonly jobMode: PushMode;
  /** The same on `push.port`. */
  readonly portJobMode: PushMode;
  readonly limits: TenantLimits;
  readonly handling: FamilyRules;
  readonly rules: readonly CompiledRule[];
}

interface CompiledRule extends Omit<Handling, 'without'> {
  readonly fits: Glob;
  readonly without: ReadonlySet<string> | undefined;
}

/** What a push says itself, of all its families or of one. */
export interface Said {
  /** `X-Push-Source`; '' for a client that does not name itself, which can only mean `delta`. */
  readonly source: string;
  readonly temporality?: Temporality | undefined;
  /** From the comment line of the family. */
  readonly commentGaugeMode?: GaugeMode | undefined;
  /** From `X-Gauge-Mode`. */
  readonly gaugeMode?: GaugeMode | undefined;
  /** From `X-Push-TTL`; 0: no end. */
  readonly ttlMs?: number | undefined;
}

/** How the metrics of one family are put together. */
export interface FamilyRules {
  readonly temporality: Temporality;
  readonly gaugeMode: GaugeMode;
  /** 0: no end. */
  readonly ttlMs: number;
  readonly without: ReadonlySet<string>;
}

export function tenantRules(settings: PushSettings, { forced }: Tenancy): TenantRules {
  const labels = new Map(forced);
  const entries = settings.tenants.filter((entry) => fitsTenant(entry, labels));
  const first = <T>(read: (entry: TenantRule) => T | undefined): T | undefined =>
    entries.map(read).find((value) => value !== undefined);
  const ownJobMode = first(({ jobMode }) => jobMode);
  const limits = entries.toReversed().map((entry) => given(entry.limits ?? {}));
  return {
    jobMode: ownJobMode ?? settings.jobMode,
    portJobMode: ownJobMode ?? settings.portJobMode ?? settings.jobMode,
    limits: Object.assign({}, settings.limits, ...limits),
    handling: {
      temporality: first(({ temporality }) => temporality) ?? settings.temporality,
      gaugeMode: first(({ gaugeMode }) => gaugeMode) ?? settings.gaugeMode,
      ttlMs: first(({ ttlMs }) => ttlMs) ?? settings.ttlMs,
      without: new Set(first(({ without }) => without) ?? settings.without),
    },
    rules: settings.rules.map((rule) => ({
      ...rule,
      fits: toGlob(rule.families),
      without: rule.without && new Set(rule.without),
    })),
  };
}

/**
 * @param family - its name as text format 0.0.4 writes it
 * @param said - the page's comment lines go before the headers, headers before the configuration
 */
export function familyRules(
  { handling, rules }: TenantRules,
  family: string,
  said: Said,
): FamilyRules {
  const fitting = rules.filter(({ fits }) => fits(family));
  const first = <T>(read: (rule: CompiledRule) => T | undefined): T | undefined =>
    fitting.map(read).find((value) => value !== undefined);
  const temporality = said.temporality ?? first((rule) => rule.temporality) ?? handling.temporality;
  return {
    temporality: said.source === '' ? 'delta' : temporality,
    gaugeMode:
      said.commentGaugeMode ??
      said.gaugeMode ??
      first((rule) => rule.gaugeMode) ??
      handling.gaugeMode,
    ttlMs: said.ttlMs ?? first((rule) => rule.ttlMs) ?? handling.ttlMs,
    without: first((rule) => rule.without) ?? handling.without,
  };
}

function fitsTenant(entry: TenantRule, labels: ReadonlyMap<string, string>): boolean {
  return (['organization', 'space', 'app'] as const).every((kind) => {
    const pattern = entry[kind];
    if (pattern === undefined) return true;
    const fits = toGlob(normalizeGuid(pattern));
    const known = [labels.get(`${kind}_id`), labels.get(`${kind}_name`)];
    return known.some((value) => value !== undefined && fits(value));
  });
}

function given<T extends object>(values: T): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
