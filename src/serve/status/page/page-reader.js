/**
 * Reads a page of metrics as it arrives, in slices, and sorts its lines into families.
 *
 * What is kept has a bound: past it lines are counted only.
 */

/** @typedef {import('./types.d.ts').Family} Family */

const MAX_KEPT_CHARACTERS = 33_554_432;
const MAX_FAMILIES = 20_000;
const SLICE_MS = 8;
const SUFFIX = /_(?:total|bucket|sum|count|created|info|gsum|gcount)$/;

/** @typedef {{ bytes: number, samples: number, dropped: number, families: Map<string, Family> }} Page */

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {(page: Page) => void} onProgress called after each slice
 * @returns {Promise<Page>}
 */
export async function readPage(stream, onProgress) {
  /** @type {Page} */
  const page = { bytes: 0, samples: 0, dropped: 0, families: new Map() };
  const decoder = new TextDecoder();
  const keep = keeper(page);
  const reader = stream.getReader();
  let rest = '';
  let sinceMs = performance.now();
  for (;;) {
    const { done, value } = await reader.read();
    if (value) page.bytes += value.length;
    const text = rest + decoder.decode(value, { stream: !done });
    let start = 0;
    for (;;) {
      const end = text.indexOf('\n', start);
      if (end < 0) break;
      keep(text.slice(start, end));
      start = end + 1;
      if (performance.now() - sinceMs < SLICE_MS) continue;
      onProgress(page);
      await new Promise((resolve) => setTimeout(resolve));
      sinceMs = performance.now();
    }
    rest = text.slice(start);
    if (!done) continue;
    if (rest !== '') keep(rest);
    onProgress(page);
    return page;
  }
}

/** @param {Page} page */
function keeper(page) {
  let kept = 0;
  /** @type {Family | undefined} */
  let current;
  /** @param {string} name */
  const family = (name) => {
    const known = page.families.get(name);
    if (known || page.families.size >= MAX_FAMILIES) return known;
    /** @type {Family} */
    const fresh = { name, type: '', help: '', samples: 0, lines: [] };
    page.families.set(name, fresh);
    return fresh;
  };
  return (/** @type {string} */ line) => {
    if (line === '') return;
    if (line.startsWith('#')) {
      const [, word, name, text = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
      if (name === undefined) return;
      current = family(name);
      if (current && word === 'TYPE') current.type = text;
      if (current && word === 'HELP') current.help = text.slice(0, 500);
      return;
    }
    page.samples += 1;
    const name = /^[^{\s]+/.exec(line)?.[0] ?? line.slice(0, 100);
    if (name !== current?.name && name.replace(SUFFIX, '') !== current?.name)
      current = family(name);
    if (current) current.samples += 1;
    if (!current || kept + line.length > MAX_KEPT_CHARACTERS) {
      page.dropped += 1;
      return;
    }
    kept += line.length;
    current.lines.push(line);
  };
}
