/**
 * Turns an error of the schema check into one sentence for the author of the parameters.
 *
 * The sentence uses the schema's `description`, which completes "… must be".
 */
import type { ErrorObject } from 'ajv-draft-04';
import { isObject } from './json.ts';

const SHOWN_CHARACTERS = 60;

/**
 * @param error - from ajv in verbose mode
 * @returns for example `parameters.process must be "web", "worker" or "all", not "job"`; the
 *    sentence never holds a header's value
 */
export function explain(error: ErrorObject): string {
  const names = error.instancePath.split('/').slice(1).map(unescapeName);
  const where = names.reduce(
    (path, name) => path + (/^\d+$/.test(name) ? `[${name}]` : `.${name}`),
    'parameters',
  );
  const schema = error.parentSchema ?? {};
  const wanted = String(schema['description']);
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = show(error.params['additionalProperty']);
      if (schema['patternProperties'])
        return `${where} must not have ${name}: it must be ${wanted}`;
      const allowed = isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
      const list =
        allowed.length === 0 ? `it must be ${wanted}` : `allowed are ${allowed.join(', ')}`;
      return `${where} must not have ${name}: ${list}`;
    }
    case 'required':
      return `${where} lacks ${error.params['missingProperty']}: it must be ${wanted}`;
    default: {
      const isSecret = names[0] === 'headers';
      return `${where} must be ${wanted}${isSecret ? '' : `, not ${show(error.data)}`}`;
    }
  }
}

/** Decodes a step of a JSON pointer: RFC 6901. */
function unescapeName(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'an object';
  if (typeof value !== 'string') return String(value);
  const long = value.length > SHOWN_CHARACTERS;
  return JSON.stringify(long ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value);
}
