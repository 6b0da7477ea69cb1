/**
 * The schemas of the parameters (`-c`) of bindings and service instances. The catalog shows them,
 * and the broker checks with them.
 *
 * Each `description` completes "… must be"; `title` says what the parameter is for. The patterns
 * use only syntax that the regular expressions of all common languages support.
 *
 * @see https://json-schema.org/draft-04 (every platform supports this draft)
 */

import { OWN_HEADER_PREFIXES, OWN_HEADERS } from './own-headers.ts';

const DRAFT = 'http://json-schema.org/draft-04/schema#';

/** Labels that promgate or Prometheus adds, or that histograms and summaries use. */
const OWN_LABELS = [
  'organization_id',
  'space_id',
  'app_id',
  'organization_name',
  'space_name',
  'app_name',
  'index',
  'instance_id',
  'instance',
  'path',
  'page',
  'job',
  'le',
  'quantile',
];

/** @returns a pattern that ignores case: draft-04 has no flag for that */
function anyCase(text: string): string {
  return text.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

const ANY_OWN_HEADER = [
  ...OWN_HEADERS.map((name) => `${anyCase(name)}$`),
  ...OWN_HEADER_PREFIXES.map(anyCase),
].join('|');

/** RFC 9110, 5.6.2. */
const HEADER_NAME = `^(?!${ANY_OWN_HEADER})[!#$%&'*+.^_\`|~0-9A-Za-z-]{1,128}$`;

const LABEL_NAME = `^(?!__)(?!(${OWN_LABELS.join('|')})$)[a-zA-Z_][a-zA-Z0-9_]{0,127}$`;

const PATH = {
  title: 'Where the metrics are on the instances of the app, instead of /metrics',
  description:
    'a path that begins with one "/", has no "\\", no "#" and no control character, and is at most 1024 characters long',
  type: 'string',
  maxLength: 1024,
  pattern: '^/(?!/)[^\\u0000-\\u001f\\u007f-\\u009f\\\\#]*$',
} as const;

const PORT = {
  title: 'The port of the container that serves the metrics, if it is not that of the route',
  description: 'a number from 1 to 65535',
  type: 'integer',
  minimum: 1,
  maximum: 65535,
} as const;

const LABELS = {
  title: 'Labels that are added to every sample',
  description: `at most 10 names with values: names of letters, digits and "_", not beginning with a digit or "__", at most 128 characters long, none of ${OWN_LABELS.join(', ')}; values are strings of 1 to 256 characters without control characters`,
  type: 'object',
  maxProperties: 10,
  additionalProperties: false,
  patternProperties: {
    [LABEL_NAME]: {
      description: 'a string of 1 to 256 characters without control characters',
      type: 'string',
      minLength: 1,
      maxLength: 256,
      pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$',
    },
  },
} as const;

const GLOBS = {
  description: 'a list of at most 50 patterns',
  type: 'array',
  maxItems: 50,
  items: {
    description:
      'a pattern of metric names: letters, digits, "_", ":", ".", "*" for any characters and "?" for any one; at most 200 characters long',
    type: 'string',
    pattern: '^[a-zA-Z0-9_:*?.]{1,200}$',
  },
} as const;

const DURATION =
  '^(?=[0-9])([0-9]{1,4}h)?([0-9]{1,5}m(?!s))?([0-9]{1,6}([.][0-9]{1,3})?s)?([0-9]{1,8}ms)?$';

/** The parameters of `cf bind-service -c` and `cf create-service-key -c`. */
export const BINDING_PARAMETERS = {
  $schema: DRAFT,
  title: 'Metrics of the app',
  description: 'an object with the parameters of the binding',
  type: 'object',
  additionalProperties: false,
  properties: {
    endpoint: PATH,
    endpoints: {
      title: 'Several pages of metrics; the page given as endpoint comes before them',
      description: 'a list of 1 to 16 objects with path and optional labels and port',
      type: 'array',
      minItems: 1,
      maxItems: 16,
      items: {
        description: 'an object with path and optional labels and port',
        type: 'object',
        required: ['path'],
        additionalProperties: false,
        properties: { path: PATH, labels: LABELS, port: PORT },
      },
    },
    headers: {
      title: 'Headers that promgate sends when it reads the metrics; never shown again',
      description: `at most 20 names with values; no header of the connection or of promgate: ${OWN_HEADERS.join(', ')}, ${OWN_HEADER_PREFIXES.map((prefix) => `${prefix}*`).join(', ')}`,
      type: 'object',
      maxProperties: 20,
      additionalProperties: false,
      patternProperties: {
        [HEADER_NAME]: {
          description: 'a string of at most 2048 visible ASCII characters and blanks',
          type: 'string',
          maxLength: 2048,
          pattern: '^[ -~]*$',
        },
      },
    },
    timeout: {
      title: 'How long an instance may take; the operator sets the maximum',
      description: 'a duration above zero, such as "15s", "1.5s" or "1m30s"',
      type: 'string',
      pattern: DURATION.replace('^', '^(?=.*[1-9])'),
    },
    cache: {
      title: 'How old an answer may be; the operator sets the maximum',
      description: 'a duration, such as "15s" or "5m"; "0s" for none',
      type: 'string',
      pattern: DURATION,
    },
    allow: { title: 'Metrics that are kept; all others are dropped', ...GLOBS },
    deny: { title: 'Metrics that are dropped, also if allowed', ...GLOBS },
    labels: LABELS,
    process: {
      title: 'Which processes of the app have metrics; default: web',
      description: '"web", "worker" or "all"',
      enum: ['web', 'worker', 'all'],
    },
    port: PORT,
  },
} as const;

/** The parameters of `cf create-service -c` and `cf update-service -c`: only bindings have any. */
export const INSTANCE_PARAMETERS = {
  $schema: DRAFT,
  title: 'A service instance has no parameters: its bindings have them',
  description: 'an empty object, since only bindings have parameters',
  type: 'object',
  additionalProperties: false,
  properties: {},
} as const;

/** The parameters of `cf bind-service -c` in the plan `push`. */
export const PUSH_PARAMETERS = {
  $schema: DRAFT,
  title: 'A binding that pushes has no parameters: the app says what it pushes',
  description: 'an empty object, since bindings of this plan have no parameters',
  type: 'object',
  additionalProperties: false,
  properties: {},
} as const;

/** Parameters that `BINDING_PARAMETERS` allows. */
export interface GivenParameters {
  readonly endpoint?: string;
  /** The container port of all pages that name none themselves. */
  readonly port?: number;
  readonly endpoints?: readonly {
    readonly path: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly port?: number;
  }[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout?: string;
  readonly cache?: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly process?: 'web' | 'worker' | 'all';
}
