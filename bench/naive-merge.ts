/**
 * The naive merge, for comparison: splits pages into strings, sorts the lines into families, and
 * joins the lines.
 *
 * It checks nothing, and takes the first brace of a line for the start of the labels.
 */

/** @param labels - per page, escaped pairs joined by commas */
export function mergeNaively(pages: readonly Buffer[], labels: readonly string[]): Buffer {
  const families = new Map<string, { head: string[]; samples: string[] }>();
  for (const [index, bytes] of pages.entries()) {
    const inserted = labels[index] ?? '';
    let family = { head: [] as string[], samples: [] as string[] };
    let name = '';
    let isNew = false;
    for (const line of bytes.toString().split('\n')) {
      if (line.startsWith('# ')) {
        const named = line.split(' ', 3)[2] ?? '';
        if (named !== name) {
          isNew = !families.has(named);
          family = families.get(named) ?? { head: [], samples: [] };
          families.set(named, family);
          name = named;
        }
        if (isNew) family.head.push(line);
      } else if (line !== '') {
        const brace = line.indexOf('{');
        const blank = line.indexOf(' ');
        family.samples.push(
          brace >= 0 && brace < blank
            ? `${line.slice(0, brace + 1)}${inserted},${line.slice(brace + 1)}`
            : `${line.slice(0, blank)}{${inserted}}${line.slice(blank)}`,
        );
      }
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return Buffer.from(`${lines.join('\n')}\n`);
}
