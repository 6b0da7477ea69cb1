/**
 * Which operation a request line asks for.
 *
 * Paths are taken as sent and ids decoded after the split: an id may hold `/`, `..` or anything else.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#url-properties
 */
import { MAX_ID_LENGTH } from './fields.ts';
import { Refusal } from './refusal.ts';

const INSTANCE = ['service_instances', ':instance'];
const BINDING = [...INSTANCE, 'service_bindings', ':binding'];

const ROUTES = [
  ['catalog', 'GET', ['catalog']],
  ['provision', 'PUT', INSTANCE],
  ['update', 'PATCH', INSTANCE],
  ['deprovision', 'DELETE', INSTANCE],
  ['fetch-instance', 'GET', INSTANCE],
  ['instance-operation', 'GET', [...INSTANCE, 'last_operation']],
  ['bind', 'PUT', BINDING],
  ['unbind', 'DELETE', BINDING],
  ['fetch-binding', 'GET', BINDING],
  ['binding-operation', 'GET', [...BINDING, 'last_operation']],
] as const;

export type Operation = (typeof ROUTES)[number][0];

export interface Target {
  readonly operation: Operation;
  /** '' where the operation has none. */
  readonly instanceId: string;
  readonly bindingId: string;
}

/**
 * @param path - what comes after the prefix: `/service_instances/…`
 * @param method - HEAD counts as GET
 * @throws {Refusal} `not-found`, `method-not-allowed`, `bad-request`
 */
export function parsePath(path: string, method: string): Target {
  const segments = path.split('/').slice(1);
  const routes = ROUTES.filter(([, , pattern]) => fits(segments, pattern));
  if (routes.length === 0) throw new Refusal('not-found', 'the broker has nothing at this path');
  const wanted = method === 'HEAD' ? 'GET' : method;
  const route = routes.find(([, allowed]) => allowed === wanted);
  if (!route) {
    const allow = routes.flatMap(([, allowed]) => (allowed === 'GET' ? ['GET', 'HEAD'] : allowed));
    throw new Refusal('method-not-allowed', `allowed are ${allow.join(', ')}`, {
      headers: { Allow: allow.join(', ') },
    });
  }
  const [, instance = '', , binding = ''] = segments;
  const hasBinding = route[2].length > INSTANCE.length + 1;
  return {
    operation: route[0],
    instanceId: decodeId(instance),
    bindingId: hasBinding ? decodeId(binding) : '',
  };
}

function fits(segments: readonly string[], pattern: readonly string[]): boolean {
  return (
    segments.length === pattern.length &&
    pattern.every((part, i) => (part.startsWith(':') ? segments[i] !== '' : segments[i] === part))
  );
}

function decodeId(segment: string): string {
  let id: string;
  try {
    id = decodeURIComponent(segment);
  } catch (cause) {
    throw new Refusal('bad-request', 'ids must be percent-encoded UTF-8', { cause });
  }
  if (id.length <= MAX_ID_LENGTH && !id.includes('\0')) return id;
  const description = `ids must have at most ${MAX_ID_LENGTH} characters, none of them U+0000`;
  throw new Refusal('bad-request', description);
}
