/**
 * Every failure word of the program has its row: what happened, and what to do. The list at the end of
 * docs/troubleshooting.md is printed from the program: PROMGATE_UPDATE_DOCS=1 prints it anew.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { SOURCE_FAULTS } from '../../src/discover/source-error.ts';
import { ENDPOINT_FAILURES } from '../../src/fetch/endpoint-failure.ts';
import { FAILURES } from '../../src/fetch/failure.ts';
import { JOURNAL_FAILURES } from '../../src/push/record.ts';
import { PUSH_REFUSALS } from '../../src/push/refusal.ts';
import { REFUSALS, RETRY_CAUSES } from '../../src/push/send/remote-write-answer.ts';
import { DROP_CAUSES as QUEUE_DROPS } from '../../src/push/send/remote-write-queue.ts';
import { SKIP_CAUSES } from '../../src/push/send/remote-write-series.ts';
import { Anchors } from '../../src/serve/doc-markdown.ts';
import { PROBLEM_CODES } from '../../src/serve/errors.ts';
import { IDENTITY_FAILURES } from '../../src/serve/identity.ts';
import { CHANNEL_FAILURES } from '../../src/store/channel-error.ts';
import { PUBLISH_FAILURES } from '../../src/store/replica-channel.ts';
import { MESSAGE_REFUSALS } from '../../src/store/replica-message.ts';
import { DROP_CAUSES as EVENT_DROPS } from '../../src/telemetry/request-events.ts';
import { SEND_FAILURES } from '../../src/telemetry/send-error.ts';
import { readDoc } from '../support/doc-words.ts';

const ROOT = new URL('../../', import.meta.url);
const source = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8');

/** The words of a type that has no list at run time. */
function wordsOfType(file: string, name: string): string[] {
  const [, union = ''] = new RegExp(`export type ${name} =([^;]*);`).exec(source(file)) ?? [];
  return [...union.replaceAll(/\/\*.*?\*\//gs, '').matchAll(/'([^']+)'/g)].map(([, word]) => word!); // its group
}

const brokerReasons = [
  ...source('broker/refusal.ts').matchAll(/^ {2}'?([a-z-]+)'?: \{ status: \d/gm),
].map(([, word]) => word!); // its group

interface WordSet {
  /** What fails, for the list of words. */
  readonly of: string;
  /** Where the rows are. */
  readonly page: string;
  readonly section: string;
  /** The types whose words these are. */
  readonly types: readonly string[];
  readonly words: readonly string[];
}

const pushes = PUSH_REFUSALS;
const problems = PROBLEM_CODES.filter(
  (code) => ![...ENDPOINT_FAILURES, ...pushes].includes(code as never),
);
const SETS: readonly WordSet[] = [
  set('an instance', 'app-pages.md#the-words-for-failures', ['Failure'], FAILURES),
  set('a source of routes', 'troubleshooting.md#sources-of-routes', ['SourceFault'], SOURCE_FAULTS),
  set(
    'a route',
    'troubleshooting.md#routes-that-are-left-out',
    ['RefusedPiece'],
    [...wordsOfType('src/discover/refusal.ts', 'RefusedPiece')],
  ),
  set('an endpoint', 'endpoint-cache.md#failures', ['EndpointFailure'], ENDPOINT_FAILURES),
  set('a request', 'http.md#errors', ['ProblemCode'], problems),
  set(
    'a connection',
    'troubleshooting.md#connections-of-readers',
    ['ClientError'],
    [...wordsOfType('src/serve/connections.ts', 'ClientError')],
  ),
  set('the broker', 'troubleshooting.md#the-service-broker', ['RefusalReason'], brokerReasons),
  set(
    'the database',
    'troubleshooting.md#the-database-of-bindings',
    ['DatabaseFailure'],
    [...wordsOfType('src/store/engine.ts', 'DatabaseFailure'), 'wrong-key'],
  ),
  set(
    'the certificate of a reader',
    'identity.md#when-a-certificate-is-refused',
    ['IdentityFailure'],
    IDENTITY_FAILURES,
  ),
  set('a push', 'push.md#refusals', ['PushRefusalCode'], pushes),
  set(
    'keeping pushes',
    'operating.md#pushes-on-disk',
    ['JournalFailure'],
    [
      ...JOURNAL_FAILURES.filter(
        (word) => !['refused', 'unreplicated', 'too_large'].includes(word),
      ),
    ],
  ),
  set(
    'keeping pushes in Redis',
    'operating.md#pushes-in-redis',
    ['JournalFailure'],
    [...JOURNAL_FAILURES.filter((word) => !['locked', 'missing', 'newer', 'ended'].includes(word))],
  ),
  set(
    'remote write',
    'remote-write.md#when-a-receiver-fails',
    ['Refusal', 'DropCause', 'RetryCause', 'SkipCause'],
    [...REFUSALS, ...QUEUE_DROPS, ...RETRY_CAUSES, ...SKIP_CAUSES],
  ),
  set(
    'events for Kafka',
    'request-events.md#what-is-kept-and-what-is-lost',
    ['DropCause', 'SendFailure'],
    [...EVENT_DROPS, ...SEND_FAILURES],
  ),
  set(
    'the channel of replicas',
    'operating.md#several-replicas-redis',
    ['ChannelFailure', 'PublishFailure', 'MessageRefusal'],
    [...CHANNEL_FAILURES, ...PUBLISH_FAILURES, ...MESSAGE_REFUSALS],
  ),
  set(
    'a server of queries',
    'query.md#words-for-failures',
    ['TargetFailure'],
    [
      ...wordsOfType('src/query/target/failure.ts', 'TargetFailure'),
      ...['frozen', 'canceled', 'internal'],
    ],
  ),
  set(
    'an origin',
    'troubleshooting.md#origins-of-the-caching-proxy',
    ['OriginFailure'],
    [...wordsOfType('src/refresh/origin.ts', 'OriginFailure')],
  ),
];

/** Types whose words nobody outside of the program sees. */
const INNER: readonly string[] = [
  'EndpointRefusal', // a part of EndpointFailure
  'SelectorFault', // the answer is Promfetcher's text
  'PruneReason', // no failure: why an endpoint left the table
  'EvaluationFailure', // the words of Prometheus' query API, which every client of that API knows
  'FederationFailure', // the error has a text, and the answer a word of Prometheus' query API
  'SealFailure', // the broker answers `unreadable`, and `/readyz` says `wrong-key`
];

function set(of: string, place: string, types: string[], words: readonly string[]): WordSet {
  const [page = '', section = ''] = place.split('#');
  return { of, page, section, types, words: [...new Set(words)] };
}

/** The text below a heading, with the sections below it, up to the next heading of its rank. */
function sectionOf(page: string, anchor: string): string {
  const anchors = new Anchors();
  const lines = readDoc(page)
    .replaceAll(/^```.*?^```$/gms, '')
    .split('\n');
  const headings = lines.flatMap((line, at) => {
    const [, marks, text] = /^(#+) (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ at, rank: marks!.length, id: anchors.next(text) }]; // both match
  });
  const index = headings.findIndex(({ id }) => id === anchor);
  assert.ok(index >= 0, `${page} has #${anchor}`);
  const { at, rank } = headings[index]!; // checked above
  const end = headings.slice(index + 1).find((next) => next.rank <= rank || next.rank > 2)?.at;
  return lines.slice(at, end).join('\n');
}

/** The list of all words, by the alphabet, as the page shows it. */
function printWords(): string {
  const places = new Map<string, string[]>();
  for (const { of, page, section, words } of SETS) {
    const link = `[${of}](${page === 'troubleshooting.md' ? '' : page}#${section})`;
    for (const word of words) places.set(word, [...(places.get(word) ?? []), link]);
  }
  const rows = [...places]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, links]) => `| \`${word}\` | ${links.join(', ')} |`);
  return ['| word | of |', '|---|---|', ...rows, ''].join('\n');
}

describe('docs/troubleshooting.md', () => {
  for (const { of, page, section, words } of SETS) {
    it(`leads for each word of ${of} to a row with what happened and what to do`, () => {
      const rows = [...sectionOf(page, section).matchAll(/^\| (`.*) \|$/gm)].map(
        ([, row]) => row!.split(' | '), // its group
      );

      assert.ok(words.length > 3, `${of} has words`);
      for (const word of words) {
        const row = rows.find(([cell = '']) => cell.includes(`\`${word}\``)) ?? [];
        const [happened = '', advice = ''] = row.slice(-2);
        assert.ok(row.length >= 3, `${page}#${section} has no row for ${word}`);
        assert.match(happened, /\w{3}/, `what happened at ${word}`);
        assert.match(advice, /\w{3}/, `what to do at ${word}`);
      }
    });
  }

  it('knows every type of failure words of the program', () => {
    const known = new Set([...SETS.flatMap(({ types }) => types), ...INNER]);
    const found = globSync('{src,broker}/**/*.ts', { cwd: ROOT }).flatMap(
      (file) =>
        [
          ...source(file).matchAll(
            /^export type (\w*(?:Failure|Fault|Refusal|RefusalCode|ProblemCode|Cause|Reason|Error|RefusedPiece)) =/gm,
          ),
        ].map(([, name]) => name!), // its group
    );

    assert.ok(found.length > 15);
    assert.deepEqual(
      found.filter((name) => !known.has(name)),
      [],
    );
  });

  it('lists all words at its end, as printed from the program', () => {
    const text = readDoc('troubleshooting.md');
    const [before = '', listed] = text.split('## Words\n');
    const printed = printWords();
    if (process.env['PROMGATE_UPDATE_DOCS'] === '1') {
      writeFileSync(new URL('docs/troubleshooting.md', ROOT), `${before}## Words\n${printed}`);
      return;
    }

    assert.equal(listed, printed);
  });
});
