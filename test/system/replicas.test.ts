/**
 * Several promgates over one gorouter: whichever answers, the answer is the same.
 */
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { html, OPENMETRICS_TYPE, page, status } from '../support/answers.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { read } from '../support/reader.ts';
import { startScene } from '../support/scene.ts';

const OPENMETRICS =
  '# TYPE a counter\na_total 1 # {trace_id="x"} 1\n# TYPE b info\nb_info{c="d"} 1\n# EOF\n';

/** Pages whose families come in another order from instance to instance. */
function rotated(shift: number): string {
  const families = Array.from({ length: 9 }, (_, n) => {
    const name = `family_${(n + shift) % 9}`;
    return `# HELP ${name} Of instance ${shift}.\n# TYPE ${name} gauge\n${name}{n="${n}"} ${n}\n`;
  });
  return families.join('');
}

/** What depends on time is left out: how long things took. */
function withoutDurations(bytes: Buffer): string {
  const lines = bytes.toString().split('\n');
  return lines.filter((line) => !line.startsWith('promgate_instance_scrape_dur')).join('\n');
}

describe('replicas', () => {
  it('give the same bytes for the same app, durations aside', async () => {
    const bad = [html, status(503), 'refuse', page('not {metrics\n')] as const;
    await using scene = await startScene({
      many: { answers: Array.from({ length: 30 }, (_, n) => page(rotated(n), { delayMs: n % 7 })) },
      failing: { answers: [page(rotated(1)), ...bad] },
      modern: { answers: Array(3).fill(page(OPENMETRICS, { contentType: OPENMETRICS_TYPE })) },
    });
    const routes = { gorouter: [gorouterValues(scene.gorouter)] };
    await using other = await startPromgateProcess({ values: { routes } });
    const headers = { Accept: `${OPENMETRICS_TYPE},text/plain;q=0.5`, 'Accept-Encoding': 'gzip' };
    const apps = Object.values(scene.apps).map(({ path }) => path);
    const all = [...apps, '/routes', '/sd/apps', '/sd/apps?per=instance'];

    for (const path of all) {
      const answers = await Promise.all(
        [scene.promgate, scene.promgate, other].map(async ({ url }) => {
          const forwarded = { ...headers, 'X-Forwarded-Host': 'promgate.example.com' };
          const answer = await read(url + path, { headers: forwarded });
          const { date: _, ...rest } = answer.headers;
          return {
            ...rest,
            status: answer.status,
            text: withoutDurations(gunzipSync(answer.body)),
          };
        }),
      );

      const [first, again, replica] = answers;
      assert.equal(first?.status, 200, path);
      assert.deepEqual(again, first, path);
      assert.deepEqual(replica, first, path);
    }
  });
});
