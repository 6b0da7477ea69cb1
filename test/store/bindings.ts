/** Instances and bindings for tests: what a test does not speak of has some value. */
import type { NewBinding, ServiceInstance } from '../../broker/binding-store.ts';

export function instanceOf(id: string, rest: Partial<ServiceInstance> = {}): ServiceInstance {
  return {
    id,
    serviceId: 'service',
    planId: 'plan',
    organizationId: 'org-guid',
    spaceId: 'space-guid',
    parameters: '{}',
    ...rest,
  };
}

export function bindingOf(
  instanceId: string,
  id: string,
  rest: Partial<NewBinding> = {},
): NewBinding {
  return {
    id,
    instanceId,
    serviceId: 'service',
    planId: 'plan',
    appId: 'app-guid',
    spaceId: 'space-guid',
    parameters: '{"endpoint":"/metrics"}',
    sealedHeaders: undefined,
    tokenHash: '0'.repeat(64),
    sealedToken: 'sealed',
    ...rest,
  };
}

/** Ids that some database takes for each other, cuts off or refuses. */
export const AWKWARD_IDS: readonly string[] = [
  'a',
  'A',
  'a ',
  ' a',
  'a\n',
  'ä',
  'a\u0308',
  '\u00e4 ',
  'ß',
  'ss',
  '😀',
  '😁',
  "'",
  '"',
  '`',
  '\\',
  '\\u0000',
  '\0',
  'a\0b',
  '%',
  '_',
  '?',
  '$1',
  ':x',
  "'; drop table promgate_bindings; --",
  'x'.repeat(1000),
  `${'x'.repeat(1000)} `,
  '\ud83d', // half of a pair
  '',
];
