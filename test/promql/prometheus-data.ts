/** Series as blocks of a Prometheus server, which promtool makes of OpenMetrics. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { SeriesBlock } from '../../src/promql/evaluate/storage.ts';

/** Writes the series into a folder. Returns the folder of the blocks. */
export async function makeBlocks(
  promtool: string,
  folder: string,
  series: readonly SeriesBlock[],
): Promise<string> {
  const [page, data] = [path.join(folder, 'page.txt'), path.join(folder, 'data')];
  await writeFile(page, openMetrics(series));
  await promisify(execFile)(
    promtool,
    ['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', page, data],
    { maxBuffer: 1e8 },
  );
  return data;
}

/** The series of one name must follow each other. */
function openMetrics(series: readonly SeriesBlock[]): string {
  const byName = Map.groupBy(series, ({ labels }) => labels[0]?.[1] ?? '');
  const lines = [...byName].flatMap(([name, ofName]) =>
    ofName.flatMap(({ labels, timesMs, values }) => {
      const pairs = labels.slice(1).map(([label, value]) => `${label}="${value}"`);
      const start = `${name}{${pairs.join(',')}}`;
      return Array.from(
        timesMs,
        (time, at) => `${start} ${String(values[at]).replace('Infinity', '+Inf')} ${time / 1000}`,
      );
    }),
  );
  return `${lines.join('\n')}\n# EOF\n`;
}
