/** Prints the properties `promgate.*` of the BOSH job from the schema of the configuration. */
import { schema } from '../../src/config/schema.ts';
import { settingOf } from '../../src/config/setting.ts';
import { namedKeys } from '../../src/config/text.ts';

/** Values that differ on BOSH; every other key has promgate's own default. */
const BOSH_DEFAULTS: Readonly<Record<string, string | boolean>> = {
  'broker.adopt': true,
  'drain.wait': '15s',
};

export function jobKeys(): string[] {
  return namedKeys(schema).map(({ path }) => path.join('.'));
}

/** @returns lines of the job's spec */
export function jobProperties(): string {
  const lines = namedKeys(schema).flatMap(({ path, schema: field }) => {
    const key = path.join('.');
    const { description, default: standard } = settingOf(field);
    const fallback = BOSH_DEFAULTS[key];
    const words =
      fallback === undefined && standard !== undefined
        ? ` promgate's default is ${JSON.stringify(standard)}.`
        : '';
    return [
      `  promgate.${key}:`,
      `    description: ${JSON.stringify(description + words)}`,
      ...(fallback === undefined ? [] : [`    default: ${JSON.stringify(fallback)}`]),
    ];
  });
  return `${lines.join('\n')}\n`;
}
