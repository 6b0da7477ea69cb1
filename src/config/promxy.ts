/**
 * A promxy.yaml as a section `query`: which of its keys are used, and what becomes of the others.
 *
 * Promxy ignores keys that it does not know, so here they are warnings too. A key that promgate does not
 * support, and without which answers would be wrong, is a fault.
 */
import type { SourceReading } from './layer.ts';
import { nearest } from './nearest.ts';
import { parseYaml } from './prometheus-yaml.ts';
import { NOT_SUPPORTED, WITHOUT_EFFECT } from './promxy-keys.ts';
import { serverGroup } from './query-group.ts';
import { httpClient } from './query-http-client.ts';
import { isMapping, settingOf } from './setting.ts';
import { oneLine, readTextFile, reason } from './text-file.ts';

const MAX_BYTES = 4 * 2 ** 20;

/** What becomes of one key. */
export interface KeyFate {
  /** `promxy.server_groups[0].labels` */
  readonly key: string;
  readonly fate: 'used' | 'without effect' | 'unknown' | 'not supported';
  /** Why it is not used; '' if it is. */
  readonly why: string;
}

export interface PromxyReading {
  /** The file in the form of promgate's own; undefined if the file is none of Promxy. */
  readonly values: Readonly<Record<string, unknown>> | undefined;
  readonly fates: readonly KeyFate[];
  /** The file cannot be read, or is no YAML. */
  readonly faults: readonly string[];
}

/** Never throws. */
export async function readPromxyFile(name: string): Promise<PromxyReading> {
  const nothing = { values: undefined, fates: [] };
  try {
    const values = await parseYaml(await readTextFile(name, MAX_BYTES));
    return isMapping(values) && isMapping(values['promxy'])
      ? readPromxy(values)
      : { ...nothing, faults: [] };
  } catch (error) {
    return { ...nothing, faults: [`${name}: cannot be read: ${oneLine(reason(error))}`] };
  }
}

/** Reads the file as a source of the configuration. Never throws. */
export async function readPromxyLayer(name: string): Promise<SourceReading> {
  const { values, fates, faults } = await readPromxyFile(name);
  const refused = remarksOf(fates).faults.map((fault) => `${name}: ${fault}`);
  const all = [...faults, ...refused];
  if (values === undefined) {
    return { layers: [], faults: all.length > 0 ? all : [`${name}: has no section promxy`] };
  }
  return { layers: [{ values, origin: () => name, json: false, single: false }], faults: all };
}

/** Reads the whole of a promxy.yaml. */
function readPromxy(file: Readonly<Record<string, unknown>>): PromxyReading {
  const fates: KeyFate[] = [];
  const promxy = isMapping(file['promxy']) ? file['promxy'] : {};
  const global = isMapping(file['global']) ? file['global'] : {};
  for (const [key, value] of Object.entries(file)) {
    if (key === 'promxy') continue;
    if (key !== 'global' || !isMapping(value)) fates.push(fateOf(key, key));
    else
      for (const inner of Object.keys(value))
        fates.push(fateOf(`global.${inner}`, `global.${inner}`));
  }
  for (const key of Object.keys(promxy)) {
    if (key !== 'server_groups') fates.push(fateOf(`promxy.${key}`, `promxy.${key}`));
  }
  const groups = promxy['server_groups'];
  const list = Array.isArray(groups) ? groups : [];
  const known = list.map((group: unknown, at) =>
    readBlock(withInlineClients(group), serverGroup, {
      path: `promxy.server_groups[${at}]`,
      fates,
    }),
  );
  const labels = isMapping(global['external_labels']) ? global['external_labels'] : undefined;
  const query = { server_groups: known, ...(labels && { external_labels: labels }) };
  return { values: { query }, fates, faults: [] };
}

/** The faults and warnings of a reading, one line each. */
export function remarksOf(fates: readonly KeyFate[]) {
  const line = ({ key, fate, why }: KeyFate): string =>
    `${key} is ${fate === 'unknown' ? 'no key of Promxy and ignored' : fate}${why === '' ? '' : `: ${why}`}`;
  return {
    faults: fates.filter(({ fate }) => fate === 'not supported').map(line),
    warnings: fates.filter(({ fate }) => fate === 'unknown' || fate === 'without effect').map(line),
  };
}

function fateOf(key: string, name: string): KeyFate {
  if (name === 'global.external_labels') return { key, fate: 'used', why: '' };
  const why = WITHOUT_EFFECT[name];
  return why === undefined
    ? { key, fate: 'unknown', why: '' }
    : { key, fate: 'without effect', why };
}

interface Place {
  readonly path: string;
  readonly fates: KeyFate[];
}

/** The keys of a block that the schema knows, to any depth; the others are noted and left out. */
function readBlock(value: unknown, schema: Parameters<typeof settingOf>[0], place: Place): unknown {
  const setting = settingOf(schema);
  if (setting.kind === 'list' && Array.isArray(value)) {
    const { path, fates } = place;
    return value.map((one: unknown, at) =>
      readBlock(one, setting.item, { path: `${path}[${at}]`, fates }),
    );
  }
  if (setting.kind !== 'section' || !isMapping(value)) return value;
  const kept: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) {
    const path = `${place.path}.${key}`;
    const field = Object.hasOwn(setting.fields, key) ? setting.fields[key] : undefined;
    if (field === undefined) {
      place.fates.push(unusedKey(path, key, Object.keys(setting.fields)));
      continue;
    }
    // Go takes a key without a value for one that is not there.
    if (inner === null) continue;
    if (!isMapping(inner) || settingOf(field).kind !== 'section') {
      place.fates.push({ key: path, fate: 'used', why: '' });
    }
    kept.push([key, readBlock(inner, field, { ...place, path })]);
  }
  return Object.fromEntries(kept);
}

function unusedKey(path: string, key: string, known: readonly string[]): KeyFate {
  const block = path.replace(/\[\d+\]/g, '').replace(/^promxy\.server_groups\./, '');
  const missing =
    NOT_SUPPORTED[block] ?? (key.endsWith('_sd_configs') ? OTHER_DISCOVERY : undefined);
  if (missing !== undefined) return { key: path, fate: 'not supported', why: missing };
  const why = WITHOUT_EFFECT[block];
  if (why !== undefined) return { key: path, fate: 'without effect', why };
  return { key: path, fate: 'unknown', why: nearest(key, known).replace(/^[;,:] */, '') };
}

const OTHER_DISCOVERY =
  'use file_sd_configs, dns_sd_configs or http_sd_configs: nearly every system has a bridge to one of them';

/** Prometheus writes the client of an HTTP discovery beside its URL. */
function withInlineClients(group: unknown): unknown {
  const http = isMapping(group) ? group['http_sd_configs'] : undefined;
  if (!isMapping(group) || !Array.isArray(http)) return group;
  const client = settingOf(httpClient);
  const keys = client.kind === 'section' ? Object.keys(client.fields) : [];
  const moved = http.map((one: unknown) => {
    if (!isMapping(one)) return one;
    const [inner, outer] = [[], []] as [string, unknown][][];
    for (const entry of Object.entries(one)) (keys.includes(entry[0]) ? inner : outer)!.push(entry);
    return { ...Object.fromEntries(outer!), http_client: Object.fromEntries(inner!) };
  });
  return { ...group, http_sd_configs: moved };
}
