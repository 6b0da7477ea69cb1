/**
 * Bound services as Cloud Foundry passes them: in a variable, in a file, or in folders.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Service {
  readonly name: string;
  readonly label?: string;
  readonly tags?: readonly string[];
  readonly credentials: Readonly<Record<string, unknown>>;
}

/** A way in which the platform passes services: the variable that it sets. */
export type Way = 'VCAP_SERVICES' | 'VCAP_SERVICES_FILE_PATH' | 'SERVICE_BINDING_ROOT';

export interface PassedServices extends AsyncDisposable {
  /** The environment of each way. */
  readonly ways: Readonly<Record<Way, Readonly<Record<string, string>>>>;
  readonly file: string;
  readonly root: string;
}

/** Writes the files of all three ways. Disposal removes them. */
export async function passServices(services: readonly Service[]): Promise<PassedServices> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bound-'));
  const text = JSON.stringify({ 'user-provided': services });
  const file = path.join(folder, 'vcap_services');
  const root = path.join(folder, 'bindings');
  await writeFile(file, text);
  await mkdir(root);
  for (const service of services) await writeBinding(path.join(root, service.name), service);
  const ways = {
    VCAP_SERVICES: { VCAP_SERVICES: text },
    VCAP_SERVICES_FILE_PATH: { VCAP_SERVICES_FILE_PATH: file },
    SERVICE_BINDING_ROOT: { SERVICE_BINDING_ROOT: root },
  };
  return {
    ...{ ways, file, root },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** As the platform writes a binding: texts as they are, lists and objects as JSON, no empty ones. */
async function writeBinding(
  folder: string,
  { name, label = 'user-provided', tags, credentials }: Service,
) {
  const entries = Object.entries({
    ...credentials,
    ...{ name, label, tags, type: label, provider: 'the platform', plan: 'small' },
    ...{ 'binding-guid': 'b', 'binding-name': name, 'instance-guid': 'i', 'instance-name': name },
  });
  await mkdir(folder);
  for (const [key, value] of entries) {
    const isEmpty =
      value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    if (isEmpty) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    await writeFile(path.join(folder, key), text);
  }
}
