/**
 * Reads what Cloud Foundry passes to promgate: user-provided services, and the app's own id.
 * `vcap-bound.ts` reads the bound database and Redis.
 *
 * The credentials of every service that is named or tagged `promgate` are configuration, nested as
 * in the file: `cf create-user-provided-service promgate -p '{"auth":{"mode":"basic", …}}'`.
 *
 * @see https://docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html
 */
import type { z } from 'zod';
import type { Layer, SourceReading } from './layer.ts';
import { isMapping } from './setting.ts';
import { readTexts } from './text.ts';

const NAME = 'promgate';

/** @param text - the text of VCAP_SERVICES, which may be malformed */
export function readServices(schema: z.ZodType, text: string | undefined): SourceReading {
  if (text === undefined || text.trim() === '') return { layers: [], faults: [] };
  const services = parse(text);
  if (!isMapping(services)) return { layers: [], faults: ['VCAP_SERVICES: is not a JSON object'] };
  const layers: Layer[] = [];
  const faults: string[] = [];
  for (const service of Object.values(services).flat().filter(isOurs)) {
    const place = `VCAP_SERVICES, service ${JSON.stringify(service['name'] ?? NAME).slice(0, 80)}`;
    const values = readTexts(schema, service['credentials']);
    if (isMapping(values)) layers.push({ values, origin: () => place, json: true, single: false });
    else faults.push(`${place}: its credentials are not a mapping`);
  }
  return { layers, faults };
}

/** The id of the app as which promgate runs; all its instances have the same. */
export function readApplicationId(text: string | undefined): string | undefined {
  const application = text === undefined ? undefined : parse(text);
  const id = isMapping(application) ? application['application_id'] : undefined;
  return typeof id === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(id) ? id : undefined;
}

function isOurs(service: unknown): service is Readonly<Record<string, unknown>> {
  if (!isMapping(service)) return false;
  const tags = service['tags'];
  return service['name'] === NAME || (Array.isArray(tags) && tags.includes(NAME));
}

/** @returns undefined if the text is not JSON */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not cited in an error, since the text may hold secrets
  }
}
