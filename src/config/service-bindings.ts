/**
 * The services that Cloud Foundry binds to promgate, with one meaning for each of the three ways in
 * which the platform passes them.
 *
 * `vcap.ts` and `vcap-bound.ts` say which services promgate uses, and for what.
 *
 * @see https://docs.cloudfoundry.org/devguide/services/application-binding.html
 */
import { readBindingFolders } from './binding-folders.ts';
import {
  type BoundService,
  type BoundServices,
  parseJson,
  type ServiceSource,
} from './bound-service.ts';
import { isMapping } from './setting.ts';
import { readTextFile, reason } from './text-file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The platform allows 1 MB for all bound services together. */
const MAX_BYTES = 1_048_576;

/**
 * Reads all bound services. The platform sets one of the variables; if several are set, a service
 * that has the name of one from an earlier variable is left out.
 */
export async function readBoundServices(environment: Environment): Promise<BoundServices> {
  const file = environment['VCAP_SERVICES_FILE_PATH'];
  const root = environment['SERVICE_BINDING_ROOT'];
  const readings: readonly BoundServices[] = [
    parseServices('VCAP_SERVICES', environment['VCAP_SERVICES']),
    isSet(file) ? await readServicesFile(file) : NOTHING,
    isSet(root) ? await readBindingFolders(root, MAX_BYTES) : NOTHING,
  ];
  const services: BoundService[] = [];
  for (const reading of readings) {
    const earlier = new Set(services.map(({ name }) => name));
    services.push(
      ...reading.services.filter(({ name }) => name === undefined || !earlier.has(name)),
    );
  }
  return { services, faults: readings.flatMap(({ faults }) => faults) };
}

const NOTHING: BoundServices = { services: [], faults: [] };

function isSet(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== '';
}

async function readServicesFile(file: string): Promise<BoundServices> {
  try {
    const text = await readTextFile(file, MAX_BYTES);
    return parseServices('VCAP_SERVICES_FILE_PATH', text, `, ${file}`);
  } catch (error) {
    const fault = `VCAP_SERVICES_FILE_PATH, ${file}: cannot be read: ${reason(error)}`;
    return { services: [], faults: [fault] };
  }
}

function parseServices(source: ServiceSource, text: string | undefined, place = ''): BoundServices {
  if (!isSet(text)) return NOTHING;
  const labels = parseJson(text);
  if (!isMapping(labels)) {
    return { services: [], faults: [`${source}${place}: is not a JSON object`] };
  }
  const services = Object.values(labels)
    .flat()
    .filter(isMapping)
    .map(
      ({ name, tags, credentials }): BoundService => ({
        source,
        name: typeof name === 'string' ? name : undefined,
        tags: Array.isArray(tags) ? tags.map(String) : [],
        credentials,
      }),
    );
  return { services, faults: [] };
}
