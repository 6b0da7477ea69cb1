import assert from 'node:assert/strict';
import { tellRefusals } from '../../src/assemble/push-refusals.ts';
import type { PushEnd } from '../../src/serve/push-desk.ts';

function endOf(result: string, tenant = 'app:1'): PushEnd {
  const numbers = { seconds: 0, bytes: 0, samples: 0, timestamps: 0 };
  return { of: 'counter', result, tenant, why: `because of ${result}`, ...numbers };
}

describe('tellRefusals', () => {
  it('tells of each kind and tenant once a minute, with how many came since', () => {
    const lines: string[] = [];
    const write =
      (level: string) =>
      (_: string, fields: Readonly<Record<string, unknown>> = {}) => {
        const { result, tenant, more = '' } = fields;
        lines.push(`${level} ${result} ${tenant} ${more}`.trim());
      };
    let nowMs = 0;
    const tell = tellRefusals({
      log: { debug: () => undefined, info: write('info'), warn: write('warn') },
      now: () => nowMs,
    });

    for (const result of ['series_limit', 'series_limit', 'series_limit', 'bad_body']) {
      tell(endOf(result));
    }
    tell(endOf('series_limit', 'app:2'));
    nowMs = 60_000;
    tell(endOf('series_limit'));
    tell({ ...endOf('ok'), why: undefined });

    assert.deepEqual(lines, [
      'warn series_limit app:1',
      'info bad_body app:1',
      'warn series_limit app:2',
      'warn series_limit app:1 2',
    ]);
  });
});
