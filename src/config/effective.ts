/**
 * The effective configuration, printed as YAML with its secrets masked.
 */
import type { z } from 'zod';

import { isPemText } from '../pem.ts';
import { isSecretName, MASK, withoutSecrets } from './secret.ts';
import { isMapping, settingOf } from './setting.ts';

/** @returns `values` with the defaults added and the secrets masked, in the schema's order */
export function effectiveValues(schema: z.ZodType, values: unknown): unknown {
  const setting = settingOf(schema);
  if (values === undefined) {
    if (setting.kind !== 'section') return setting.default;
    if (setting.required || !allDefault(schema)) return undefined;
  }
  switch (setting.kind) {
    case 'value':
      if (setting.secret) return MASK;
      if (setting.pem && typeof values === 'string' && isPemText(values)) return '(PEM text)';
      return typeof values === 'string' ? withoutSecrets(values) : values;
    case 'list':
      return Array.isArray(values)
        ? values.map((item) => effectiveValues(setting.item, item))
        : values;
    case 'map':
      return isMapping(values) ? masked(values) : values;
    case 'section': {
      const mapping = isMapping(values) ? values : {};
      const entries = Object.entries(setting.fields)
        .map(([key, field]) => [key, effectiveValues(field, mapping[key])] as const)
        .filter(([, value]) => value !== undefined);
      return Object.fromEntries(entries);
    }
  }
}

/** Whether an absent section takes its defaults; an optional section stays absent. */
function allDefault(schema: z.ZodType): boolean {
  return schema.safeParse(undefined).data !== undefined;
}

function masked(values: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const hidden = isSecretName(key) && Array.isArray(value);
      return [key, hidden ? value.map(() => MASK) : value];
    }),
  );
}

export async function printYaml(values: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(values, { lineWidth: 0, aliasDuplicateObjects: false });
}
