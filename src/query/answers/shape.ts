/**
 * The parsed answers of servers, read with care: a server may be of another kind, or lie.
 */
import type { GroupAnswer } from '../federation.ts';

/** A server's answer has another form than the API of Prometheus gives. */
export class AnswerShapeError extends Error {
  override readonly name = 'AnswerShapeError';

  constructor({ group }: Pick<GroupAnswer, 'group'>, what: string) {
    super(
      `group ${group}: its answer holds ${what}, as no Prometheus gives it: look at its servers`,
    );
  }
}

export type Json = Readonly<Record<string, unknown>>;
export type LabelSet = Readonly<Record<string, string>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The answers of Prometheus are nested eight deep at most. */
const MAX_DEPTH = 64;
/** Objects and lists that are looked at between two steps. */
const STEP_VALUES = 4_096;

/**
 * Refuses an answer that is nested so deep that it could not be written as JSON again.
 *
 * @throws {AnswerShapeError}
 */
export function* requireShallow(answer: GroupAnswer): Generator<void, void, void> {
  let level = [answer.data].filter(isNested);
  let seen = 0;
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) {
      throw new AnswerShapeError(answer, `values that are nested more than ${MAX_DEPTH} deep`);
    }
    const next: object[] = [];
    for (const value of level) {
      for (const inner of Object.values(value)) if (isNested(inner)) next.push(inner);
      if (++seen % STEP_VALUES === 0) yield;
    }
    level = next;
  }
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The objects of a list. @throws {AnswerShapeError} */
export function objectsOf(answer: GroupAnswer, list: unknown, name: string): readonly Json[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list) || !list.every(isObject)) {
    throw new AnswerShapeError(answer, `${name} that are no list of objects`);
  }
  return list;
}

/** The member of an object that is a list of objects. @throws {AnswerShapeError} */
export function membersOf(answer: GroupAnswer, name: string): readonly Json[] {
  const { data } = answer;
  if (!isObject(data)) throw new AnswerShapeError(answer, `no object with ${name}`);
  return objectsOf(answer, data[name], name);
}

/** The texts of a list. @throws {AnswerShapeError} */
export function textsOf(answer: GroupAnswer): readonly string[] {
  const { data } = answer;
  if (data === null || data === undefined) return [];
  if (!Array.isArray(data) || !data.every((one) => typeof one === 'string')) {
    throw new AnswerShapeError(answer, 'no list of texts');
  }
  return data;
}

/** Names and values. @throws {AnswerShapeError} */
export function labelsOf(answer: GroupAnswer, labels: unknown): LabelSet {
  if (labels === undefined || labels === null) return {};
  const isSet = isObject(labels) && Object.values(labels).every((one) => typeof one === 'string');
  if (!isSet) throw new AnswerShapeError(answer, 'labels that are no texts');
  return labels as LabelSet;
}

/** The labels that a reader sees: the group's own win, and those without a value are left out. */
export function withGroupLabels({ labels: own }: GroupAnswer, labels: LabelSet): LabelSet {
  if (Object.keys(own).length === 0 && !Object.values(labels).includes('')) return labels;
  const all: Record<string, string> = { ...labels, ...own };
  for (const name of Object.keys(all)) if (all[name] === '') delete all[name];
  return all;
}

/** A key that is equal for equal label sets, and for those only. */
export function keyOf(labels: LabelSet): string {
  return JSON.stringify(
    Object.keys(labels)
      .sort()
      .map((name) => [name, labels[name]]),
  );
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: unknown): number {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : 0;
}
