/**
 * The commands: their options, what their help says, and their exit codes. The command line is read,
 * completed and documented by this table.
 */

export interface Option {
  readonly name: string;
  /** What stands for the value in the help; undefined for a switch. */
  readonly value?: string;
  readonly multiple?: boolean;
  readonly says: string;
  /** The values that completion offers: given ones, or files. */
  readonly values?: readonly string[] | 'file';
}

export interface Command {
  readonly name: string;
  readonly says: string;
  /** The words behind the name in its usage. */
  readonly words: string;
  readonly options: readonly Option[];
  readonly examples: readonly (readonly [line: string, says: string])[];
  readonly exits: readonly (readonly [code: number, says: string])[];
  /** The words that completion offers behind the name. */
  readonly operands?: readonly string[];
  readonly notes?: readonly string[];
}

const CONFIG: Option = {
  name: 'config',
  value: 'FILE',
  values: 'file',
  says: "a YAML file; default: the environment's PROMGATE_CONFIG",
};
const SET: Option = {
  name: 'set',
  value: 'KEY=VALUE',
  multiple: true,
  says: 'a key of the configuration, such as scrape.timeout=10s',
};
const PORT: Option = { name: 'port', value: 'N', says: 'the same as --set listen.port=N' };
const TIMEOUT: Option = { name: 'timeout', value: 'TIME', says: 'the bound of each try; 10s' };
const STOPPED = [0, 'it was stopped by SIGTERM or SIGINT'] as const;
const WRONG = [2, 'the command line or the configuration is wrong'] as const;

export const COMMANDS: readonly Command[] = [
  {
    name: 'serve',
    says: 'answers requests until SIGTERM or SIGINT',
    words: '[--config FILE] [--port N] [--set KEY=VALUE]...',
    options: [CONFIG, PORT, SET],
    examples: [['promgate serve --config promgate.yml', 'serves what promgate.yml says']],
    exits: [STOPPED, [1, 'it could not start, or did not stop in time'], WRONG],
  },
  {
    name: 'check',
    says: 'prints the effective configuration, with secrets masked; --live tries what it names',
    words: '[--live] [--app APP]... [--config FILE] [--set KEY=VALUE]...',
    options: [
      { name: 'live', says: 'try all that the configuration names, and print what answered' },
      {
        ...{ name: 'app', value: 'APP', multiple: true },
        says: 'with --live: also scrape this app; ORG/SPACE/NAME, a guid or a route',
      },
      { ...TIMEOUT, says: 'with --live: the bound of each try; default 10s' },
      ...[CONFIG, PORT, SET],
    ],
    examples: [
      ['promgate check --config promgate.yml', 'prints what takes effect'],
      ['promgate check --live --config promgate.yml', 'asks every configured peer once'],
      [
        'promgate check --live --app my-org/dev/shop --config promgate.yml',
        'also scrapes each instance of an app',
      ],
    ],
    exits: [
      [0, 'the configuration is right, and with --live all that it names answered'],
      WRONG,
      [3, 'with --live: something did not answer as promgate needs it'],
    ],
    notes: [
      '--live asks for facts and writes none, but brokers of Kafka may create the topic when they are',
      'asked for it, as they do when promgate starts. Warnings leave the exit code at 0.',
    ],
  },
  {
    name: 'scrape',
    says: 'prints the merged page of an app, and a table of its instances on stderr',
    words: 'APP [--path PATH] [--instance ID] [--format FORMAT] [--url URL | --config FILE]',
    options: [
      { name: 'path', value: 'PATH', says: 'the path to ask the instances for; default /metrics' },
      { name: 'instance', value: 'ID', says: 'the id or the index of the only instance to ask' },
      {
        ...{ name: 'format', value: 'FORMAT', values: ['text', 'openmetrics'] },
        says: 'text (default), or openmetrics, which instances that send text turn into text',
      },
      {
        name: 'process',
        value: 'TYPE',
        says: 'a process type such as worker, or all; default web',
      },
      { ...TIMEOUT, says: 'the deadline of the scrape; default scrape.timeout, with --url 30s' },
      { name: 'url', value: 'URL', says: 'ask the promgate that runs there' },
      ...[CONFIG, SET],
    ],
    examples: [
      ['promgate scrape my-org/dev/shop --config promgate.yml', 'asks the instances directly'],
      [
        'promgate scrape my-org/dev/shop --config promgate.yml | head -n 3',
        'a reader that leaves ends it quietly',
      ],
      [
        'promgate scrape my-org/dev/shop --instance 0 --path /metrics --config promgate.yml',
        'asks one instance for one path',
      ],
      ['promgate scrape my-org/dev/shop --url http://127.0.0.1:8085', 'asks a running promgate'],
    ],
    exits: [
      [0, 'all instances gave a page'],
      [1, 'no route source answered, or promgate at --url did not, or refused'],
      WRONG,
      [3, 'some instances gave no page'],
      [4, 'no instance gave a page'],
      [5, 'the app, or its instance, is not known'],
    ],
    notes: [
      'With --url the variable PROMGATE_TOKEN holds a token, or NAME:PASSWORD of an operator. Without',
      '--url promgate reads the route sources of its configuration and asks the instances itself;',
      'bindings are not read.',
    ],
  },
  {
    name: 'completion',
    says: 'prints what completes the command line in a shell',
    words: 'bash|zsh|fish',
    options: [],
    operands: ['bash', 'zsh', 'fish'],
    examples: [
      [
        'source <(promgate completion bash)',
        'for this shell; put the line in ~/.bashrc to keep it',
      ],
      ['promgate completion fish | source', 'the same in fish'],
    ],
    exits: [[0, 'printed'], WRONG],
  },
  {
    name: 'demo',
    says: 'serves a simulated foundation on loopback',
    words: '[--port N] | --foundation',
    options: [
      PORT,
      SET,
      { name: 'foundation', says: 'a foundation of 500 apps that are deployed for five minutes' },
    ],
    examples: [['promgate demo', 'prints what to open in a browser']],
    exits: [STOPPED, [1, 'it could not start'], WRONG],
    notes: [
      '--foundation needs a checkout, and the Debian packages prometheus and nats-server: a Prometheus',
      'scrapes every instance, and each minute the demo says whether any sample has a wrong name.',
    ],
  },
  {
    name: 'query',
    says: "serves the query API of a promxy.yaml, with Promxy's flags",
    words: '--config FILE [--bind-addr ADDRESS] [FLAG]... | --help',
    options: [
      { name: 'config', value: 'FILE', values: 'file', says: 'a promxy.yaml, or a promgate.yml' },
      { name: 'bind-addr', value: 'ADDRESS', says: 'where it listens; default :8082' },
      { name: 'check-config', says: 'tell what becomes of each key, and exit' },
    ],
    examples: [],
    exits: [],
  },
  {
    name: 'proxy',
    says: 'caches the answers of one origin',
    words: '--origin URL [--port N] | --clear-cache | --help',
    options: [
      { name: 'origin', value: 'URL', says: 'where requests go' },
      { name: 'port', value: 'N', says: 'the port for readers' },
      { name: 'clear-cache', says: 'empty the cache of the proxy that runs here' },
    ],
    examples: [],
    exits: [],
  },
];

/** What the codes of all commands have in common. */
const EXITS =
  'exit codes: 0 success; 1 failure; 2 wrong command line or configuration; 3 to 5 as check and scrape say';

export function usage(): string {
  const lines = COMMANDS.map(({ name, words }) => `  promgate ${name} ${words}`);
  const says = COMMANDS.map(({ name, says }) => `  ${name.padEnd(11)} ${says}`);
  return `promgate: one door for Prometheus metrics on Cloud Foundry

usage:
${lines.join('\n')}
  promgate COMMAND --help | --help | --version

commands:
${says.join('\n')}

options:
${optionLines([CONFIG, PORT, SET])}

${EXITS}
`;
}

export function helpOf({
  name,
  says,
  words,
  options,
  examples,
  exits,
  notes = [],
}: Command): string {
  const parts = [
    `promgate ${name}: ${says}`,
    `usage:\n  promgate ${name} ${words}`,
    ...(options.length > 0 ? [`options:\n${optionLines(options)}`] : []),
    ...(notes.length > 0 ? [notes.join('\n')] : []),
    ...(examples.length > 0
      ? [`examples:\n${examples.map(([line, what]) => `  ${line}\n      ${what}`).join('\n')}`]
      : []),
    ...(exits.length > 0
      ? [`exit codes:\n${exits.map(([code, what]) => `  ${code}  ${what}`).join('\n')}`]
      : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function optionLines(options: readonly Option[]): string {
  return options
    .map(({ name, value, says }) => {
      const left = `--${name}${value === undefined ? '' : ` ${value}`}`;
      return `  ${left.padEnd(17)} ${says}`;
    })
    .join('\n');
}
