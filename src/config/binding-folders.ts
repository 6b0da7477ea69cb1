/**
 * Reads bound services from folders: one folder for each binding, and in it one file for each
 * credential, as SERVICE_BINDING_ROOT has them.
 *
 * Files with the attributes of the binding stand beside those with credentials, and win over
 * credentials of the same name: a database whose credentials hold its name as `name` must say it as
 * `database`, `dbname` or in a `uri`.
 *
 * @see https://docs.cloudfoundry.org/devguide/services/application-binding.html
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BoundService, BoundServices } from './bound-service.ts';
import { readTextFile, reason } from './text-file.ts';

/** Files of a folder that hold no credentials. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['name', 'label', 'tags', 'plan', 'type', 'provider'],
  ...['binding-guid', 'binding-name', 'instance-guid', 'instance-name'],
  ...['syslog-drain-url', 'volume-mounts'],
]);

/** Kubernetes keeps the versions of mounted files in hidden folders: `..data`. */
const HIDDEN = /^\.\./;

/** Bound on files and folders together; the platform's bound is the number of bytes. */
const MAX_ENTRIES = 10_000;

/** What may still be read. */
interface Room {
  bytes: number;
  entries: number;
}

/**
 * @param root - the folder of all bindings; the platform makes none where nothing is bound
 * @param maxBytes - bound on the bytes of all files together
 */
export async function readBindingFolders(root: string, maxBytes: number): Promise<BoundServices> {
  const services: BoundService[] = [];
  const faults: string[] = [];
  const room: Room = { bytes: maxBytes, entries: MAX_ENTRIES };
  let names: readonly string[];
  try {
    names = await visibleNames(root, room);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { services, faults };
    return { services, faults: [fault(root, `cannot be read: ${reason(error)}`)] };
  }
  for (const name of names) {
    const folder = path.join(root, name);
    try {
      if (!(await stat(folder)).isDirectory()) continue; // such as the file of all services
      services.push(await readBinding(folder, name, room));
    } catch (error) {
      const where = error instanceof BindingFileError ? error.file : folder;
      faults.push(fault(where, `cannot be read: ${reason(error)}`));
    }
  }
  return { services, faults };
}

/** A file of a binding cannot be used; `message` says why, without the file's content. */
class BindingFileError extends Error {
  override readonly name = 'BindingFileError';
  readonly file: string;

  constructor(file: string, cause: unknown) {
    super(reason(cause), { cause });
    this.file = file;
  }
}

function fault(place: string, text: string): string {
  return `SERVICE_BINDING_ROOT, ${place}: ${text}`;
}

async function visibleNames(folder: string, room: Room): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !HIDDEN.test(name)).sort();
  room.entries -= names.length;
  if (room.entries < 0) throw new Error(`there are more than ${MAX_ENTRIES} files`);
  return names;
}

/** @throws {Error} for a folder, or a file in it, that cannot be read */
async function readBinding(folder: string, folderName: string, room: Room): Promise<BoundService> {
  const attributes = new Map<string, string>();
  const credentials: [string, string][] = [];
  for (const key of await visibleNames(folder, room)) {
    const file = path.join(folder, key);
    const text = await readOne(file, room).catch((error: unknown) => {
      throw new BindingFileError(file, error);
    });
    if (RESERVED.has(key)) attributes.set(key, text);
    else credentials.push([key, text]);
  }
  return {
    source: 'SERVICE_BINDING_ROOT',
    name: attributes.get('name')?.trim() ?? folderName,
    tags: tagsOf(attributes.get('tags'), path.join(folder, 'tags')),
    credentials: Object.fromEntries(credentials),
  };
}

async function readOne(file: string, room: Room): Promise<string> {
  const stats = await stat(file);
  if (stats.isDirectory()) throw new Error('this is a directory');
  if (!stats.isFile()) throw new Error('this is no regular file'); // a pipe would never end
  if (stats.size > room.bytes) throw new Error('all files together are larger than 1MiB');
  const text = await readTextFile(file, room.bytes);
  room.bytes -= Buffer.byteLength(text);
  return text;
}

/** @throws {BindingFileError} if the text is not a list of texts in JSON */
function tagsOf(text: string | undefined, file: string): readonly string[] {
  if (text === undefined) return []; // an empty list has no file
  let tags: unknown;
  try {
    tags = JSON.parse(text);
  } catch {
    tags = undefined; // refused below, in our own words
  }
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== 'string')) {
    throw new BindingFileError(file, new Error('it must hold a list of texts in JSON'));
  }
  return tags;
}
