/**
 * Prints the reference of the configuration, `docs/configuration.md`, as Markdown.
 */
import type { z } from 'zod';
import { schema } from './schema.ts';
import { type Setting, settingOf } from './setting.ts';
import { variableName } from './text.ts';

const INTRODUCTION = `# Configuration

<!-- Printed from src/config/schema.ts: PROMGATE_UPDATE_DOCS=1 npx mocha test/config/reference.test.ts -->

Every key is optional unless its default says "must be given". A value comes from the first of these
sources that has the key:

1. the command line: \`--set scrape.timeout=10s\`, \`--port 8080\`
2. the environment: the variable beside the key; \`PORT\` is \`listen.port\`. Lists are JSON, lists of
   texts may also be separated by commas
3. the services that Cloud Foundry binds, whether it passes them in \`VCAP_SERVICES\`,
   \`VCAP_SERVICES_FILE_PATH\` or \`SERVICE_BINDING_ROOT\`: the credentials of user-provided services that
   are named or tagged \`promgate\`, nested as in the file; a bound database is \`database.url\`, a bound
   Redis is \`redis.url\`
4. the YAML file that \`--config\` or \`PROMGATE_CONFIG\` names

promgate refuses unknown keys and ill-formed values, and reports all of them at once.
\`promgate check\` prints the effective configuration. Durations are written \`500ms\`, \`15s\`,
\`10m\` or \`1h30m\`; sizes \`64KB\` (1000s) or \`16MiB\` (1024s).
`;

export function configurationReference(): string {
  const root = settingOf(schema);
  const sections = root.kind === 'section' ? Object.entries(root.fields) : [];
  return [INTRODUCTION, ...sections.map(([key, field]) => printSection(key, field))].join('\n');
}

function printSection(name: string, field: z.ZodType): string {
  const setting = settingOf(field);
  const lines = [`## \`${name}\``, '', setting.description];
  if (setting.kind === 'list') lines[2] += ` Variable \`${variableName([name])}\`.`;
  lines.push('', '| key | value | default | what it does |', '|---|---|---|---|');
  return [...lines, ...rows(field, [name], false), ''].join('\n');
}

/** @param inList - true inside a list, whose keys have no variables */
function rows(field: z.ZodType, path: readonly string[], inList: boolean): string[] {
  const setting = settingOf(field);
  const inner = path.length > 1 ? [row(setting, path, inList)] : [];
  if (setting.kind === 'section') {
    const fields = Object.entries(setting.fields);
    const own = path.length > 1 && !setting.required ? inner : [];
    return [...own, ...fields.flatMap(([key, child]) => rows(child, [...path, key], inList))];
  }
  if (setting.kind !== 'list' || settingOf(setting.item).kind !== 'section') return inner;
  const item = settingOf(setting.item);
  const fields = item.kind === 'section' ? Object.entries(item.fields) : [];
  const [last = '', before] = [path.at(-1), path.slice(0, -1)];
  const items = [...before, `${last}[]`];
  return [...inner, ...fields.flatMap(([key, child]) => rows(child, [...items, key], true))];
}

function row(setting: Setting, path: readonly string[], inList: boolean): string {
  const key = path.slice(1).join('.');
  const variable = inList || setting.kind === 'section' ? '' : `<br>\`${variableName(path)}\``;
  const secret = setting.kind === 'value' && setting.secret ? ', secret' : '';
  const cells = [
    `\`${key}\`${variable}`,
    `${allowedValues(setting)}${secret}`,
    defaultValue(setting),
    setting.description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function allowedValues(setting: Setting): string {
  switch (setting.kind) {
    case 'value':
      return setting.allowed;
    case 'map':
      return `lists of texts by name; each ${setting.allowed}`;
    case 'section':
      return 'a mapping';
    case 'list': {
      const item = settingOf(setting.item);
      return item.kind === 'value' ? `a list, each ${item.allowed}` : 'a list of mappings';
    }
  }
}

function defaultValue({ default: value, required }: Setting): string {
  if (value !== undefined) return `\`${JSON.stringify(value).replaceAll('"', '')}\``;
  return required ? 'must be given' : 'none';
}
