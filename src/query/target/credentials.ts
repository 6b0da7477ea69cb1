/**
 * The header `Authorization` of a target. Files are read anew for each request, so that a secret can
 * be rotated; `oauth2.ts` has the tokens that are fetched.
 */
import { readFile } from 'node:fs/promises';
import { TargetError } from './failure.ts';
import type { Authorization, Secret } from './http.ts';

/** Where the header of a request comes from. */
export interface HeaderSource {
  /** @throws {TargetError} `credentials` */
  header(): Promise<string | undefined>;
  /** Called when the server refused the header. @returns whether another one may do */
  refused(header: string): boolean;
}

/** @param server - for messages */
export function headerOf(
  authorization: Exclude<Authorization, { kind: 'oauth2' }> | undefined,
  server: string,
): HeaderSource {
  return {
    header: async () => {
      if (authorization === undefined) return undefined;
      if (authorization.kind === 'basic') {
        const username = await readSecret(authorization.username, server);
        const password = await readSecret(authorization.password, server);
        return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      }
      return `${authorization.type} ${await readSecret(authorization.credentials, server)}`;
    },
    refused: () => false,
  };
}

/** @throws {TargetError} `credentials`, if its file cannot be read */
export async function readSecret(secret: Secret, server: string): Promise<string> {
  if ('text' in secret) return secret.text;
  try {
    return (await readFile(secret.file, 'utf8')).trim();
  } catch (cause) {
    const what = `the secret in ${secret.file} cannot be read: ${(cause as Error).message}`;
    throw new TargetError('credentials', server, what, { cause });
  }
}
