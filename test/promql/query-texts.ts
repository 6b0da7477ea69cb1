/** Queries of every form of the language, made at random, well typed. */
import fc from 'fast-check';

const names = fc.constantFrom('foo', 'a:b', 'sum', 'offset', 'up', 'by', 'start', 'fill');
const labels = fc.constantFrom('a', 'le', '"x y"', 'on', 'job');
const texts = fc.constantFrom('"b"', "'c\\n'", '`d"`', '"\\xff"', '"☺"', '""', '"a.*"');
const durations = fc.constantFrom('5m', '1h30m', '300', '1.5', '90d', '1y', '2ms');
const numbers = fc.constantFrom('1', '-1', '0.5', '1e-7', '0x1f', 'Inf', '-Inf', 'NaN', '5m', '-0');

const durationTerms = fc.letrec<{ term: string }>((tie) => ({
  term: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    durations,
    fc.constantFrom('step()', 'range()'),
    fc.tuple(tie('term'), fc.constantFrom('+', '-', '*', '^'), tie('term')).map(join),
    tie('term').map((term) => `(${term})`),
    tie('term').map((term) => `-(${term})`),
    fc.tuple(tie('term'), tie('term')).map(([one, other]) => `max_of(${one}, ${other})`),
  ),
})).term;

const matchers = fc
  .tuple(fc.constantFrom('a', 'le', '"x y"', 'on'), fc.constantFrom('=', '!=', '=~', '!~'), texts)
  .map(([label, op, text]) => `${label}${op}${/~/.test(op) && /xff/.test(text) ? '"r"' : text}`);

const series = fc.oneof(
  names,
  fc.tuple(names, fc.array(matchers, { maxLength: 3 })).map(([name, list]) => `${name}{${list}}`),
  fc.array(matchers, { maxLength: 2 }).map((list) => `{${['"x.y"', ...list]}}`),
);
const at = fc.constantFrom('', ' @ 1.5', ' @ start()', ' @ end()', ' @ -100');
const offset = fc.constantFrom('', ' offset 5m', ' offset -1h', ' offset -step()');
/** Behind such an offset an operator would go on with the duration. */
const offsetTerms = durationTerms.map((term) => ` offset (${term})`);
const bounds = fc.constantFrom('', ' anchored', ' smoothed');
/** Behind `[` a colon needs a number before it. */
const ranges = fc.oneof(
  durations,
  durationTerms.map((term) => `1 + ${term}`),
);
const selectors = fc.oneof(
  fc.tuple(series, bounds, at, offset).map((parts) => parts.join('')),
  fc.tuple(series, bounds, at, offsetTerms).map((parts) => `(${parts.join('')})`),
);
const rangeSelectors = fc
  .tuple(series, ranges, bounds, at, offset)
  .map(([name, range, ...modifiers]) => `${name}[${range}]${modifiers.join('')}`);

const lists = fc.array(labels, { maxLength: 2 }).map((list) => `(${list.join(', ')})`);
const groupings = fc
  .tuple(fc.constantFrom(' by ', ' without '), lists)
  .map((parts) => parts.join(''));
const matchings = fc.constantFrom(
  ...['', ' on (a)', ' ignoring (a, "x y")', ' on () group_left (b)', ' on (a) group_right ()'],
  ...[' fill (1)', ' on (a) fill_left (NaN)', ' fill_left (2) fill_right (-1e-9)', ' ignoring ()'],
);

const { vector } = fc.letrec<{ vector: string; scalar: string; matrix: string }>((tie) => ({
  vector: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    selectors,
    fc.tuple(tie('matrix')).map(([matrix]) => `rate(${matrix})`),
    fc.tuple(groupings, tie('vector')).map(([by, vector]) => `sum${by} (${vector})`),
    fc.tuple(tie('scalar'), tie('vector')).map(([k, vector]) => `topk(${k}, ${vector})`),
    tie('vector').map((vector) => `count_values("x", ${vector})`),
    tie('vector').map((vector) => `(${vector})`),
    tie('vector').map((vector) => `-(${vector})`),
    fc
      .tuple(tie('vector'), fc.constantFrom('+', '/', '^', 'atan2', '</'), matchings, tie('vector'))
      .map(([left, op, matching, right]) => `${left} ${op}${matching} ${right}`),
    fc.tuple(tie('vector'), fc.constantFrom('and', 'or', 'unless'), tie('vector')).map(join),
    fc
      .tuple(tie('vector'), fc.constantFrom('>', '== bool', '!='), tie('scalar'))
      .map(joinInBrackets),
    tie('scalar').map((scalar) => `vector(${scalar})`),
    tie('vector').map((vector) => `label_replace(${vector}, "a", "$1", "b", "(.*)")`),
    tie('vector').map((vector) => `info(${vector}, {a="b"})`),
  ),
  scalar: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    numbers,
    fc.constantFrom('time()', 'step()', 'pi()'),
    tie('vector').map((vector) => `scalar(${vector})`),
    tie('scalar').map((scalar) => `(${scalar})`),
    fc
      .tuple(tie('scalar'), fc.constantFrom('+', '-', '%', '< bool'), tie('scalar'))
      .map(joinInBrackets),
  ),
  matrix: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    rangeSelectors,
    fc
      .tuple(tie('vector'), ranges, durations, at, offset)
      .map(
        ([vector, range, step, ...modifiers]) =>
          `(${vector})[${range}:${step}]${modifiers.join('')}`,
      ),
  ),
}));

/** Queries that `parse` accepts with all switches on. */
export const queryTexts: fc.Arbitrary<string> = vector;

/** Brackets keep a scalar from an operator that matches vectors. */
function joinInBrackets(parts: readonly string[]): string {
  return `(${join(parts)})`;
}

function join(parts: readonly string[]): string {
  return parts.join(' ');
}
