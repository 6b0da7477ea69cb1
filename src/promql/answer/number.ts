/**
 * Numbers as the text of Prometheus' JSON, written as bytes: the shortest decimal that reads back as the same number.
 *
 * An exponent is written below 1e-6 and from 1e21 on, with at least two digits, as Go writes numbers. Text of the language
 * itself costs 260 ns a number, more than all the rest of an answer; the ways here take 10 to 60 ns:
 * 1. An integer is written digit by digit.
 * 2. At most six decimals and fifteen digits: no two such decimals are the same number, so the one that divides back is it.
 * 3. From 2^-19 to 2^53, the number is scaled by a power of ten that is exact, as a sum of two numbers without any error. What
 *    lies within half a unit of the last place reads back as the same number; the roundest decimal there is taken.
 * 4. Everything else, and what is too close to a limit to be told, is left to JavaScript's own shortest digits.
 *
 * Property tests compare all of these with JavaScript's own text.
 */

/** No number takes more bytes. */
export const MAX_NUMBER_BYTES = 32;

const ZERO = 48;
const POINT = 46;
const MINUS = 45;

/** Writes a number from `at` on. Returns the place after its last byte. */
export function writeNumber(into: Uint8Array, at: number, value: number): number {
  if (value - value !== 0) {
    return writeText(into, at, value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN');
  }
  let next = at;
  let size = value;
  if (size < 0 || (size === 0 && 1 / size < 0)) {
    into[next++] = MINUS;
    size = -size;
  }
  if (size <= Number.MAX_SAFE_INTEGER) {
    const whole = Math.floor(size);
    if (whole === size) return writeInteger(into, next, size);
    if (size < 1e9) {
      const scaled = Math.round(size * 1e6);
      if (scaled / 1e6 === size) return writeDecimals(into, next, whole, scaled - whole * 1e6);
    }
    const after = writeShortest(into, next, size);
    if (after > 0) return after;
  }
  return writeText(into, next, shortestText(size));
}

/** Writes an integer from 0 to 2^53 - 1. */
export function writeInteger(into: Uint8Array, at: number, value: number): number {
  if (value < 1e9) return writeDigits(into, at, value | 0, countDigits(value | 0));
  const high = Math.floor(value / 1e8);
  const next = writeDigits(into, at, high | 0, countDigits(high | 0));
  return writeDigits(into, next, (value - high * 1e8) | 0, 8);
}

/** Writes an integer below 2^31 with so many digits. */
function writeDigits(into: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = (rest / 10) | 0;
    into[place] = ZERO + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}

function countDigits(value: number): number {
  if (value < 1e5) {
    if (value < 100) return value < 10 ? 1 : 2;
    if (value < 1e4) return value < 1000 ? 3 : 4;
    return 5;
  }
  if (value < 1e7) return value < 1e6 ? 6 : 7;
  if (value < 1e9) return value < 1e8 ? 8 : 9;
  return 10;
}

function writeDecimals(into: Uint8Array, at: number, whole: number, millionths: number): number {
  let next = writeDigits(into, at, whole | 0, countDigits(whole | 0));
  into[next++] = POINT;
  next = writeDigits(into, next, millionths | 0, 6);
  while (into[next - 1] === ZERO) next--;
  return next;
}

/** The first exponent of 2 that is scaled exactly, and how many follow. */
const FIRST_EXPONENT = -19;
const EXPONENTS = 72;
/** The power of ten for each exponent of 2: the scaled number has 17 or 18 digits. */
const DECIMALS = new Int32Array(EXPONENTS);
const SCALES = new Float64Array(EXPONENTS);
/** Half a unit of the last place, scaled. */
const HALVES = new Float64Array(EXPONENTS);
for (let at = 0; at < EXPONENTS; at++) {
  const lowest = 2 ** (FIRST_EXPONENT + at);
  let decimals = 0;
  while (lowest * 10 ** decimals < 1e16) decimals++;
  DECIMALS[at] = decimals;
  SCALES[at] = Number(`1e${decimals}`);
  HALVES[at] = 2 ** (FIRST_EXPONENT + at - 53) * Number(`1e${decimals}`);
}
/** Splits a number into two halves of 26 bits, whose products are exact (Dekker, Veltkamp). */
const SPLITTER = 2 ** 27 + 1;
/** More than the error of the last digits, which is 2^-27. */
const DOUBT = 1e-6;

const BITS = new Float64Array(1);
const WORDS = new Int32Array(BITS.buffer);
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;
const SCRATCH = new Uint8Array(20);

/** Writes a number that is no integer. Returns 0 if the digits cannot be told this way. */
function writeShortest(into: Uint8Array, at: number, value: number): number {
  BITS[0] = value;
  const high = WORDS[HIGH_WORD] as number;
  const exponent = (high >> 20) - 1023 - FIRST_EXPONENT;
  // The neighbour below a power of two is nearer than the one above.
  if (exponent < 0 || ((high & 0xfffff) === 0 && WORDS[1 - HIGH_WORD] === 0)) return 0;
  const scale = SCALES[exponent] as number;
  const half = HALVES[exponent] as number;
  const product = value * scale;
  const lost = lostByProduct(value, scale, product);
  let upper = Math.floor(product / 1e8);
  let lower = product - upper * 1e8 + lost;
  if (lower < 0) {
    upper--;
    lower += 1e8;
  }
  let unit = 100;
  let round = Math.floor(lower / 100 + 0.5) * 100;
  let distance = Math.abs(round - lower);
  while (unit > 1 && distance >= half - DOUBT) {
    if (distance <= half + DOUBT) return 0;
    unit = unit === 100 ? 10 : 1;
    round = Math.floor(lower / unit + 0.5) * unit;
    distance = Math.abs(round - lower);
  }
  // A number in the middle of two has two candidates.
  if (distance > unit / 2 - DOUBT) return 0;
  if (round >= 1e8) {
    upper++;
    round -= 1e8;
  }
  const count = upper < 1e9 ? 9 : 10;
  writeDigits(SCRATCH, 0, upper | 0, count);
  writeDigits(SCRATCH, count, round | 0, 8);
  return placePoint(into, at, count + 8, DECIMALS[exponent] as number);
}

/** What rounding has lost of a product, exactly. */
function lostByProduct(a: number, b: number, product: number): number {
  const splitA = SPLITTER * a;
  const highA = splitA - (splitA - a);
  const lowA = a - highA;
  const splitB = SPLITTER * b;
  const highB = splitB - (splitB - b);
  const lowB = b - highB;
  return highA * highB - product + highA * lowB + lowA * highB + lowA * lowB;
}

/** Copies the digits, the last of which are decimals, without zeros at the end. */
function placePoint(into: Uint8Array, at: number, digits: number, decimals: number): number {
  let next = at;
  let from = 0;
  let length = digits;
  while (SCRATCH[length - 1] === ZERO) length--;
  const whole = digits - decimals;
  if (whole <= 0) {
    into[next++] = ZERO;
    into[next++] = POINT;
    for (let zero = whole; zero < 0; zero++) into[next++] = ZERO;
  } else {
    while (from < whole) into[next++] = SCRATCH[from++] as number;
    into[next++] = POINT;
  }
  while (from < length) into[next++] = SCRATCH[from++] as number;
  return next;
}

function shortestText(size: number): string {
  const text = String(size);
  return size < 1e-6 || size >= 1e21 ? text.replace(/e([+-])(\d)$/, 'e$10$2') : text;
}

function writeText(into: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) into[at + index] = text.charCodeAt(index);
  return at + text.length;
}
