/**
 * Reads what Cloud Foundry passes to promgate: user-provided services, and what promgate is there.
 * `vcap-bound.ts` reads the bound database and Redis.
 *
 * The credentials of every service that is named or tagged `promgate` are configuration, nested as
 * in the file: `cf create-user-provided-service promgate -p '{"auth":{"mode":"basic", …}}'`.
 *
 * @see https://docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html
 */
import type { z } from 'zod';
import { type BoundService, parseJson, serviceName } from './bound-service.ts';
import type { Layer, SourceReading } from './layer.ts';
import { isMapping } from './setting.ts';
import { readTexts } from './text.ts';

const NAME = 'promgate';

/** Reads the configuration that bound services hold. */
export function readServices(schema: z.ZodType, services: readonly BoundService[]): SourceReading {
  const layers: Layer[] = [];
  const faults: string[] = [];
  for (const service of services.filter(isOurs)) {
    const place = `${service.source}, service ${serviceName(service)}`;
    const values = readTexts(schema, service.credentials);
    if (isMapping(values)) layers.push({ values, origin: () => place, json: true, single: false });
    else faults.push(`${place}: its credentials are not a mapping`);
  }
  return { layers, faults };
}

function isOurs({ name, tags }: BoundService): boolean {
  return name === NAME || tags.includes(NAME);
}

/** What promgate is on Cloud Foundry. A part is undefined if the platform does not say it. */
export interface OwnApp {
  /** All instances have the same. */
  readonly appId: string | undefined;
  readonly appName: string | undefined;
  readonly spaceName: string | undefined;
  readonly organizationName: string | undefined;
  /** The root of the platform's API. */
  readonly apiUrl: string | undefined;
  /** Which instance this is. */
  readonly index: string | undefined;
}

/** Longer names are no names of the platform, and would stand on every line of the metrics. */
const MAX_NAME = 255;

/**
 * @param application - the text of VCAP_APPLICATION, which may be malformed
 * @param index - CF_INSTANCE_INDEX
 * @returns undefined outside Cloud Foundry
 */
export function readOwnApp(
  application: string | undefined,
  index: string | undefined,
): OwnApp | undefined {
  if (application === undefined) return undefined;
  const parsed = parseJson(application);
  const text = (key: string): string | undefined => {
    const value = isMapping(parsed) ? parsed[key] : undefined;
    return typeof value === 'string' && value !== '' && value.length <= MAX_NAME
      ? value
      : undefined;
  };
  const id = text('application_id') ?? '';
  const api = text('cf_api') ?? '';
  return {
    appId: /^[A-Za-z0-9._-]{1,64}$/.test(id) ? id : undefined,
    appName: text('application_name'),
    spaceName: text('space_name'),
    organizationName: text('organization_name'),
    apiUrl: /^https?:\/\/[^\s\\#@?]+$/.test(api) && URL.canParse(api) ? api : undefined,
    index: /^\d{1,6}$/.test(index ?? '') ? index : undefined,
  };
}
