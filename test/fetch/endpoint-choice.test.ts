import assert from 'node:assert/strict';
import type { Instance } from '../../src/discover/instance.ts';
import { EndpointChoice } from '../../src/fetch/endpoint-choice.ts';
import { instance } from '../serve/instances.ts';

const first = instance('shop', '0', '10.0.0.1:8080');
const second = instance('shop', '0', '10.0.0.1:9090');
const both: Instance = { ...first, others: [second] };

function order(choice: EndpointChoice, path: string, of = both): string[] {
  return choice.inOrder(of, path).map(({ endpoint }) => endpoint.address);
}

describe('EndpointChoice', () => {
  it('begins with the endpoint that last gave the page, and knows pages apart', () => {
    const choice = new EndpointChoice();
    assert.deepEqual(order(choice, '/a'), ['10.0.0.1:8080', '10.0.0.1:9090']);

    choice.prefer(both, '/a', second);

    assert.deepEqual(order(choice, '/a'), ['10.0.0.1:9090', '10.0.0.1:8080']);
    assert.deepEqual(order(choice, '/b'), ['10.0.0.1:8080', '10.0.0.1:9090']);
  });

  it('gives the one endpoint of an instance without others, whatever was preferred', () => {
    const choice = new EndpointChoice();
    choice.prefer(both, '/a', second);

    assert.deepEqual(order(choice, '/a', first), ['10.0.0.1:8080']);
  });

  it('forgets with the address, and remembers few of the paths that readers think up', () => {
    const choice = new EndpointChoice();
    for (let n = 0; n < 100; n++) choice.prefer(both, `/${n}`, second);

    const remembered = Array.from({ length: 100 }, (_, n) => order(choice, `/${n}`)[0]);
    assert.equal(remembered.filter((address) => address === '10.0.0.1:9090').length, 32);
    assert.equal(remembered[99], '10.0.0.1:9090');

    choice.forget('10.0.0.1:8080');
    assert.equal(choice.size, 0);
  });
});
