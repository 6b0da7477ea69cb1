/** What aggregations make of groups of series. */
import { holds } from './holds.ts';

const REQUESTS = `
  load 1m
    requests{job="a", pod="1"} 1
    requests{job="a", pod="2"} 2
    requests{job="b", pod="1"} NaN
    requests{job="b", pod="2"} 4
`;

describe('aggregations', () => {
  it('group by listed labels, or by all but the listed ones and the name', async () => {
    await holds(`${REQUESTS}
      eval instant at 0 count by (job) (requests)
        {job="a"} 2
        {job="b"} 2
      eval instant at 0 count without (job) (requests)
        {pod="1"} 2
        {pod="2"} 2
      eval instant at 0 count(requests)
        {} 4
      eval instant at 0 count by (__name__) (requests)
        requests 4
    `);
  });

  it('put NaN last in topk and bottomk, and order an instant answer', async () => {
    await holds(`${REQUESTS}
      eval instant at 0 topk(3, requests)
        expect ordered
        requests{job="b", pod="2"} 4
        requests{job="a", pod="2"} 2
        requests{job="a", pod="1"} 1
      eval instant at 0 bottomk by (job) (1, requests)
        requests{job="a", pod="1"} 1
        requests{job="b", pod="2"} 4
    `);
  });

  it('choose the same series whether few or many are asked for', async () => {
    const series = Array.from({ length: 90 }, (_, at) => `    n{at="${at}"} ${(at * 37) % 90}`);
    const best = (count: number) =>
      Array.from({ length: count }, (_, rank) => {
        const value = 89 - rank;
        const at = Array.from({ length: 90 }, (_x, one) => one).find(
          (one) => (one * 37) % 90 === value,
        );
        return `        n{at="${at}"} ${value}`;
      });
    await holds(`
      load 1m
${series.join('\n')}
      eval instant at 0 topk(3, n)
        expect ordered
${best(3).join('\n')}
      eval instant at 0 topk(70, n)
        expect ordered
${best(70).join('\n')}
    `);
  });

  it('choose nothing by a number below one, and refuse NaN', async () => {
    await holds(`${REQUESTS}
      eval instant at 0 topk(0, requests)
      eval instant at 0 topk(NaN, requests)
        expect fail msg: Parameter value is NaN
      eval instant at 0 topk(1e30, requests)
        expect fail msg: Scalar value 1e+30 overflows int64
    `);
  });

  it('divide series by a ratio so that its complement has the others', async () => {
    await holds(`${REQUESTS}
      eval instant at 0 count(limit_ratio(0.5, requests) or limit_ratio(-0.5, requests))
        {} 4
      eval instant at 0 limit_ratio(0.5, requests) and limit_ratio(-0.5, requests)
      eval instant at 0 count(limit_ratio(1.1, requests))
        expect warn msg: PromQL warning: ratio value should be between -1 and 1, got 1.1, capping to 1 (1:19)
        {} 4
    `);
  });

  it('count values by a label without exponents', async () => {
    await holds(`
      load 1m
        build{pod="1"} 1e6
        build{pod="2"} 1e6
        build{pod="3"} 1e-7
      eval instant at 0 count_values("version", build)
        {version="1000000"} 2
        {version="0.0000001"} 1
    `);
  });

  it('keep the mean finite where the sum is not', async () => {
    await holds(`
      load 1m
        huge{pod="1"} 1.7e308
        huge{pod="2"} 1.7e308
      eval instant at 0 avg(huge)
        {} 1.7e308
      eval instant at 0 sum(huge)
        {} +Inf
    `);
  });

  it('give nothing for a group of numbers and histograms, and say so', async () => {
    await holds(`
      load 1m
        both{pod="1"} 1
        both{pod="2"} {{schema:0 sum:1 count:1 buckets:[1]}}
      eval instant at 0 sum(both)
        expect warn msg: PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)
      eval instant at 0 max(both)
        expect info msg: PromQL info: ignored histogram in max aggregation (1:5)
        {} 1
    `);
  });

  it('keep what rounding would lose of a sum of histograms', async () => {
    await holds(`
      load 1m
        h{pod="1"} {{schema:0 count:1 sum:1e100 buckets:[1]}}
        h{pod="2"} {{schema:0 count:1 sum:1 buckets:[1]}}
        h{pod="3"} {{schema:0 count:1 sum:-1e100 buckets:[1]}}
      eval instant at 0 sum(h)
        {} {{schema:0 count:3 sum:1 buckets:[3]}}
    `);
  });
});
