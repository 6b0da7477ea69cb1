/** Debian's Pushgateway beside the reader: replace mode refuses the same bodies. */
import assert from 'node:assert/strict';
import { readBody } from '../../../src/push/read/read-body.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';
import { Chance } from '../../fuzz/chance.ts';
import { SLOW_MS } from '../../support/limits.ts';
import { bytesField, delimited, doubleField, varintField } from '../../support/metric-families.ts';
import { type Pushgateway, startPushgateway } from '../../support/pushgateway.ts';

const PAGES = [
  '# HELP c_total Help \\\\ of\\n it.\n# TYPE c_total counter\nc_total{a="1",b="x y"} 3\nc_total{a="2",b="\\"q\\" \\\\ \\n"} 4.5\n',
  '# TYPE h histogram\nh_bucket{le="0.5"} 1\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n',
  '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 4\ns_count 3\n# just a comment\nu 1\nv{} NaN\n',
  '# TYPE g gauge\n# HELP g x\ng 1e5\ng{x=""} -Inf\n\nother{le="1"} +Inf\n',
];
const WORDS = [
  ...[
    '# TYPE h histogram\n',
    '# TYPE h_count gauge\n',
    '# HELP h x\n',
    'h_count',
    'h_bucket',
    '_sum 3\n',
  ],
  ...['{le="1"}', 'quantile="1"', ' 12345', ' -5', ',', '{', '}', '"', '\\', '\n', '\t', ' ', '#'],
  ...['+Inf', 'nan', '0x1', '1_0', 'é', 'COUNTER', '  '],
];

/** What the gateway says of a body; '' if it takes it. Leaves nothing in the gateway. */
async function pushed({ url }: Pushgateway, body: Buffer, headers = {}): Promise<string> {
  const answer = await fetch(`${url}/metrics/job/j`, { method: 'PUT', body, headers });
  const text = await answer.text();
  await fetch(`${url}/metrics/job/j`, { method: 'DELETE' });
  return answer.status === 200 ? '' : text.trim();
}

/** What the reader says of it. */
async function read(body: Buffer, contentType = ''): Promise<string> {
  try {
    await readBody(body, { contentType, mode: 'replace', maxSeries: 10_000 });
    return '';
  } catch (error) {
    assert.ok(error instanceof PushRefusal, String(error));
    return error.message;
  }
}

function kindOf(said: string): string {
  if (said === '') return 'taken';
  if (said.includes('must not have timestamps')) return 'timestamps';
  return /series of line|collected|collides/.test(said) ? 'inconsistent' : 'malformed';
}

/** Bodies that the reader refuses on purpose: comments that are not UTF-8, types with backslashes. */
const REFUSED = /not UTF-8|unknown metric type "[a-zA-Z\\]*\\/;

describe('readBody in replace mode', function () {
  this.timeout(SLOW_MS);

  it('refuses what Pushgateway refuses', async function () {
    await using gateway = await startPushgateway(this);
    const chance = new Chance(11);
    const differences: unknown[] = [];
    const kinds = new Set<string>();
    for (let n = 0; n < 800; n++) {
      const mutant = chance.mutate(Buffer.from(chance.pick(PAGES)), WORDS);
      if (mutant.length > 4_096) continue;
      const body = Buffer.concat([mutant, Buffer.from('\n')]); // promgate takes a line without end
      const [theirs, ours] = [await pushed(gateway, body), await read(Buffer.from(body))];
      kinds.add(kindOf(theirs));
      if (kindOf(theirs) === kindOf(ours) || REFUSED.test(ours)) continue;
      differences.push({ body: body.toString('latin1'), theirs, ours });
    }

    assert.deepEqual(differences, []);
    assert.deepEqual([...kinds].sort(), ['inconsistent', 'malformed', 'taken', 'timestamps']);
  });

  it('takes the protobuf that Pushgateway takes', async function () {
    await using gateway = await startPushgateway(this);
    const contentType =
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
    const label = (name: string, value: string): Buffer =>
      bytesField(1, Buffer.concat([bytesField(1, name), bytesField(2, value)]));
    const family = (name: string, type: number, ...metrics: Buffer[]): Buffer =>
      delimited(
        Buffer.concat([
          bytesField(1, name),
          varintField(3, type),
          ...metrics.map((metric) => bytesField(4, metric)),
        ]),
      );
    const gauge = bytesField(2, doubleField(1, 1));
    const histogram = bytesField(
      7,
      Buffer.concat([
        varintField(1, 3),
        bytesField(3, Buffer.concat([varintField(1, 2), doubleField(2, 1)])),
      ]),
    );
    const bodies = {
      good: Buffer.concat([
        family('a', 1, gauge, Buffer.concat([label('x', '1'), gauge])),
        family('h', 4, histogram),
      ]),
      'same family twice': Buffer.concat([family('a', 1, gauge), family('a', 1, gauge)]),
      'same series twice': family('a', 1, gauge, gauge),
      'other type': family('a', 0, gauge),
      'label twice': family('a', 1, Buffer.concat([label('x', '1'), label('x', '2'), gauge])),
      timestamp: family('a', 1, Buffer.concat([gauge, varintField(6, 5)])),
      collision: Buffer.concat([family('h_count', 1, gauge), family('h', 4, histogram)]),
      truncated: family('a', 1, gauge).subarray(0, -1),
      'not UTF-8': family(
        'a',
        1,
        Buffer.concat([
          bytesField(1, Buffer.concat([bytesField(1, 'x'), bytesField(2, Buffer.from([255]))])),
          gauge,
        ]),
      ),
      empty: Buffer.alloc(0),
    };
    for (const [title, body] of Object.entries(bodies)) {
      const theirs = await pushed(gateway, body, { 'content-type': contentType });
      const ours = await read(body, contentType);
      assert.equal(ours === '', theirs === '', `${title}: ${theirs} / ${ours}`);
    }
  });
});
