/**
 * Keeps secrets out of what is printed of the configuration.
 */

export const MASK = '********';

const SECRET_NAME = /pass|secret|token|key|auth|credential/i;

/** Whether the values of a free key, or of a query parameter, are masked. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Masks what a text that is a URL or a path may hold: a user name and password, secrets in its query. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/\/.*@/gs, `//${MASK}@`) // up to the last one: a password may hold anything
    .replaceAll(/([?&]([^=&#]+)=)[^&#]*/g, (pair, before: string, name: string) =>
      isSecretName(name) ? before + MASK : pair,
    );
}
