/**
 * `promgate completion`: scripts that complete the command line, made from the table of commands.
 */
import { COMMANDS, type Command, type Option } from './commands.ts';

type Shell = 'bash' | 'zsh' | 'fish';

const SCRIPTS: Readonly<Record<Shell, () => string>> = { bash, zsh, fish };

/** @returns undefined for a shell that is not known */
export function completion(shell: string): string | undefined {
  return Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell as Shell]() : undefined; // an own key
}

const NAMES = COMMANDS.map(({ name }) => name).join(' ');

function wordsOf({ options, operands = [] }: Command): string {
  return [...options.map(({ name }) => `--${name}`), '--help', ...operands].join(' ');
}

/** The options that take a value, by what completes them. */
function optionsWith(which: (option: Option) => boolean): string[] {
  const found = COMMANDS.flatMap(({ options }) => options).filter(which);
  return [...new Set(found.map(({ name }) => `--${name}`))];
}

function listed(): Map<string, readonly string[]> {
  const lists = COMMANDS.flatMap(({ options }) => options).flatMap(({ name, values }) =>
    Array.isArray(values) ? [[`--${name}`, values as readonly string[]] as const] : [],
  );
  return new Map(lists);
}

const FREE = (option: Option): boolean => option.value !== undefined && option.values === undefined;
const FILE = (option: Option): boolean => option.values === 'file';

function bash(): string {
  const lists = [...listed()].map(
    ([name, values]) =>
      `    ${name}) mapfile -t COMPREPLY < <(compgen -W '${values.join(' ')}' -- "$word"); return ;;`,
  );
  const commands = COMMANDS.map((command) => `    ${command.name}) words='${wordsOf(command)}' ;;`);
  return `# completion of promgate for bash
_promgate() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' one
  case $before in
    ${optionsWith(FILE).join('|')}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
${lists.join('\n')}
    ${optionsWith(FREE).join('|')}) COMPREPLY=(); return ;;
  esac
  for one in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $one in
      ${NAMES.replaceAll(' ', '|')}) command=$one; break ;;
    esac
  done
  case $command in
${commands.join('\n')}
    *) words='${NAMES} --help --version' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _promgate promgate
`;
}

/** Quotes a text for zsh and for fish, in which a quote in single quotes ends these. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(): string {
  const says = COMMANDS.map(({ name, says }) => `    ${quoted(`${name}:${says}`)}`);
  const cases = COMMANDS.map((command) => {
    const specs = command.options.map(({ name, value, multiple, says, values }) => {
      const action =
        values === 'file'
          ? ':file:_files'
          : Array.isArray(values)
            ? `:value:(${values.join(' ')})`
            : '';
      const taken = value === undefined ? '' : action || ':value: ';
      const text = says.replaceAll(/[[\]:]/g, ' ');
      return `        ${quoted(`${multiple ? '*' : ''}--${name}[${text}]${taken}`)}`;
    });
    const operands = command.operands
      ? [`        ${quoted(`1:word:(${command.operands.join(' ')})`)}`]
      : [];
    return `    ${command.name}) _arguments \\\n${[...specs, ...operands, "        '--help[how it is used]'"].join(' \\\n')} ;;`;
  });
  return `#compdef promgate
# completion of promgate for zsh
_promgate() {
  local -a commands
  commands=(
${says.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _promgate promgate
`;
}

function fish(): string {
  const lines = COMMANDS.flatMap(({ name, says, options, operands = [] }) => [
    `complete -c promgate -n __fish_use_subcommand -a ${name} -d ${quoted(says)}`,
    ...options.map((option) => {
      const { values } = option;
      const list = Array.isArray(values) ? ` -a ${quoted(values.join(' '))}` : '';
      const takes = option.value === undefined ? '' : values === 'file' ? ' -r -F' : ` -x${list}`;
      return `complete -c promgate -n '__fish_seen_subcommand_from ${name}' -l ${option.name}${takes} -d ${quoted(option.says)}`;
    }),
    ...operands.map(
      (word) => `complete -c promgate -n '__fish_seen_subcommand_from ${name}' -a ${word}`,
    ),
  ]);
  return `# completion of promgate for fish\ncomplete -c promgate -f\n${lines.join('\n')}\n`;
}
