/**
 * Queries that name endpoints, and what name servers answer: whatever is asked for, promgate connects
 * to no address outside the networks that are allowed, and sends no byte that could split a request.
 */
import type { ScrapeAnswer } from '../../src/fetch/answer.ts';
import { EndpointRefusedError } from '../../src/fetch/endpoint-failure.ts';
import { EndpointGuard, type GuardOptions } from '../../src/fetch/endpoint-guard.ts';
import { EndpointPages } from '../../src/fetch/endpoint-page.ts';
import type { Scraper } from '../../src/fetch/fan-out.ts';
import { readEndpointQuery } from '../../src/serve/endpoint-query.ts';
import { edgeAddresses, isInNetwork, mayBeAsked } from '../support/address-oracle.ts';
import type { Chance } from './chance.ts';
import type { Finding, Fuzzer, Outcome } from './fuzzer.ts';

const CASES = 20_000;
const GUARDS: readonly GuardOptions[] = [
  { allow: ['*'], deny: [], allowPrivate: [] },
  { allow: ['*.example'], deny: ['bad.example', '93.0.0.0/8'], allowPrivate: [] },
  { allow: ['*', '10.1.0.0/16'], deny: ['10.1.2.0/24'], allowPrivate: ['10.1.0.0/16', '::1'] },
  { allow: ['10.1.0.0/16', 'fd00::/8'], deny: [], allowPrivate: ['10.1.0.0/16', 'fd00::/8'] },
];
/** Before the endpoint; broken ones are rare, since nothing behind them is read. */
const NAMES = [...new Array<string>(20).fill('endpoint='), 'a=b&endpoint=', 'end%70oint=', 'x'];
const ENDPOINTS = [
  'http://good.example:9100/metrics&match[]=a&match[]=b',
  'good.example:9100',
  'http%3A%2F%2Fgood.example%2Fmetrics%3Fx%3D1&c',
  'http://127.0.0.1/&x',
  'http://169.254.169.254/latest/',
  'http://[::ffff:127.0.0.1]:80/',
  'http://2130706433/',
  'https://10.1.2.3:8443/a',
  '[fd00::1]:9100',
  'http://93.184.216.34:9100/',
].map((text) => Buffer.from(text));
const WORDS = [
  ...['127.0.0.1', '127.1', '0x7f000001', '017700000001', '2130706433', '0', 'localhost', '[::1]'],
  ...[
    '%00',
    '%0d%0a',
    '%5c',
    '%2f',
    '%40',
    '%25',
    '%23',
    '\\',
    '@',
    '//',
    '\t',
    '\u3002',
    '\uff10',
  ],
  ...['[::ffff:a9fe:a9fe]', '[64:ff9b::a9fe:a9fe]', '[2002:7f00:1::]', '10.1.0.1', '10.1.2.9'],
  ...[
    ':6379',
    ':0',
    ':65536',
    ':22',
    'file:',
    'ftp://',
    'http:',
    'https://',
    '&endpoint=',
    '%eth0',
  ],
  ...['good.example', '.example', 'bad.example', '[fd00::1]', '..', '%E3%80%82', '%EF%BC%90'],
];
const GOOD_ADDRESSES = ['93.184.216.34', '8.8.8.8', '2606:4700::1', '10.1.0.1', 'fd00::1'];
const ADDRESSES = [...edgeAddresses(), 'x', ''];

export function endpointFuzzer(): Fuzzer {
  return {
    async round(chance, scale) {
      const inputs = Math.ceil(CASES * scale);
      const findings: Finding[] = [];
      const outcomes: Outcome[] = [];
      for (let i = 0; i < inputs; i++) {
        const value = chance.mutate(chance.pick(ENDPOINTS), WORDS);
        const input = Buffer.concat([Buffer.from(chance.pick(NAMES)), value]);
        const { word, fault } = await attack(chance, input);
        outcomes.push({ word, input });
        if (fault !== undefined) findings.push({ what: fault, input });
      }
      return { inputs, findings, outcomes };
    },
  };
}

interface Attack {
  readonly word: string;
  /** What promgate did wrong. */
  readonly fault?: string;
}

async function attack(chance: Chance, input: Buffer): Promise<Attack> {
  const options = chance.pick(GUARDS);
  const found = Array.from({ length: chance.pick([1, 1, 1, 2, 3]) }, () =>
    chance.pick(chance.pick([GOOD_ADDRESSES, GOOD_ADDRESSES, ADDRESSES])),
  );
  const wanted: { address: string; path: string; host: string }[] = [];
  const guard = new EndpointGuard(options);
  const pages = new EndpointPages({ guard, scraper: recorder(wanted), lookup: async () => found });
  let word = 'asked';
  try {
    const endpoint = readEndpointQuery(input.toString('latin1'));
    guard.check(endpoint, ['promgate.example']);
    const { signal } = new AbortController();
    const request = { endpoint, headers: [], deadlineMs: performance.now() + 1_000, signal };
    const { failed } = await pages.fetch({ ...request, hurry: undefined });
    if (failed && wanted.length === 0) word = failed.failure;
  } catch (error) {
    if (!(error instanceof EndpointRefusedError)) return { word: 'threw', fault: String(error) };
    word = error.refusal;
  }
  for (const { address, path, host } of wanted) {
    const ip = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    if (!mayBeAsked(ip, options.allowPrivate)) return { word, fault: `connects to ${address}` };
    if (options.deny.some((rule) => rule.includes('/') && isInNetwork(ip, rule))) {
      return { word, fault: `connects to ${address}, which is denied` };
    }
    if (!/^\/[\x21-\x7e]*$/.test(path)) return { word, fault: `sends the target ${path}` };
    if (!/^[\w.:[\]-]+$/.test(host)) return { word, fault: `sends the host ${host}` };
  }
  return { word };
}

/** Connects nowhere; says that nobody listens, so that all addresses are tried. */
function recorder(
  wanted: { address: string; path: string; host: string }[],
): Pick<Scraper, 'scrape' | 'lease'> {
  const lease = { [Symbol.dispose]: () => undefined };
  return {
    lease: () => lease as ReturnType<Scraper['lease']>, // nothing else of it is used
    scrape: async ({ targets }) =>
      targets.map((target): ScrapeAnswer => {
        wanted.push(target);
        return { target, durationSeconds: 0, bodyBytes: 0, failure: 'refused' };
      }),
  };
}
