/**
 * Masks secrets in printed values of the configuration.
 */

export const MASK = '********';

const SECRET_NAME = /pass|secret|token|key|auth|credential/i;

/** Whether a free key or query parameter of this name has secret values. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Masks user name and password of a URL, and secrets in the query of a URL or path. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/\/.*@/gs, `//${MASK}@`) // up to the last @: a password may hold one
    .replaceAll(/([?&]([^=&#]+)=)[^&#]*/g, (pair, before: string, name: string) =>
      isSecretName(name) ? before + MASK : pair,
    );
}
