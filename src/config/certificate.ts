/**
 * Checks that the PEM of the configuration, in files or as text, holds certificates or keys.
 *
 * The check keeps no content: the parts that use the files read them again, also after a change.
 */
import type { z } from 'zod';
import { isPemText, readPem } from '../pem.ts';
import { keyName } from './fault.ts';
import { type Layer, type Path, placeOf, valueAt } from './layer.ts';
import { isMapping, pemWords, settingOf } from './setting.ts';
import { reason } from './text-file.ts';

interface PemFile {
  readonly path: Path;
  readonly name: string;
  readonly holds: 'certificate' | 'key';
}

/** @returns one line for each unusable file, and for each key that does not fit its certificate */
export async function certificateFaults(
  schema: z.ZodType,
  values: unknown,
  layers: readonly Layer[],
): Promise<string[]> {
  const files = pemFiles(schema, values, []);
  if (files.length === 0) return [];
  const { createPrivateKey, X509Certificate } = await import('node:crypto');
  const faults: string[] = [];
  const blame = ({ path, name }: PemFile, why: string): void => {
    const given = isPemText(name) ? 'a PEM text' : JSON.stringify(name);
    faults.push(`${placeOf(layers, path)}${keyName(path)} is ${given}, but ${why}`);
  };
  const texts = new Map<string, string>();
  for (const file of files) {
    const must = `must be ${pemWords(file.holds)}`;
    try {
      texts.set(keyName(file.path), await readPem(file.name));
    } catch (error) {
      blame(file, `${must}: ${reason(error)}`);
      continue;
    }
    const text = texts.get(keyName(file.path))!; // just set
    try {
      if (file.holds === 'key') createPrivateKey(text);
      else new X509Certificate(text);
    } catch {
      texts.delete(keyName(file.path));
      const what = isPemText(file.name) ? 'it' : 'the file';
      blame(file, `${must}: ${what} holds no readable one`); // OpenSSL's message says no more
    }
  }
  for (const file of files) {
    const certName = keyName([...file.path.slice(0, -1), 'cert']);
    const [key, cert] = [texts.get(keyName(file.path)), texts.get(certName)];
    if (file.holds !== 'key' || key === undefined || cert === undefined) continue;
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) continue;
    blame(file, `must be the key of the certificate in ${certName}`);
  }
  return faults;
}

function pemFiles(schema: z.ZodType, values: unknown, path: Path): PemFile[] {
  const setting = settingOf(schema);
  const value = valueAt(values, path);
  switch (setting.kind) {
    case 'value':
      return setting.pem && typeof value === 'string' && /^[^\0]+$/.test(value)
        ? [{ path, name: value, holds: setting.pem }]
        : [];
    case 'list':
      return Array.isArray(value)
        ? value.flatMap((_, index) => pemFiles(setting.item, values, [...path, index]))
        : [];
    case 'section':
      return isMapping(value)
        ? Object.entries(setting.fields).flatMap(([key, field]) =>
            pemFiles(field, values, [...path, key]),
          )
        : [];
    case 'map':
      return [];
  }
}
