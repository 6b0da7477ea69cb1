/** The secrets of a binding, which are stored sealed: its token and its headers. */
import type { NewBinding } from './binding-store.ts';
import { canonicalJson } from './canonical.ts';
import type { StoredParameters } from './push-place.ts';
import type { KeyRing } from './seal.ts';
import { freshToken, tokenHash } from './token.ts';

type Sealed = Pick<NewBinding, 'id' | 'parameters' | 'sealedHeaders' | 'tokenHash' | 'sealedToken'>;

/** @returns the binding's parameters and a fresh token, in their stored form */
export function sealSecrets(id: string, given: StoredParameters, keys: KeyRing): Sealed {
  const { headers, ...open } = given;
  const token = freshToken();
  return {
    id,
    parameters: canonicalJson(open),
    sealedHeaders: headers && keys.seal(canonicalJson(headers), { bindingId: id, what: 'headers' }),
    tokenHash: tokenHash(token),
    sealedToken: keys.seal(token, { bindingId: id, what: 'token' }),
  };
}

/** @throws {SealError} if no key opens the token */
export function openToken({ id, sealedToken }: Sealed, keys: KeyRing): string {
  return keys.open(sealedToken, { bindingId: id, what: 'token' });
}

/**
 * The parameters as the developer gave them, with headers, and the place of a binding that pushes.
 *
 * @throws {SealError} if no key opens the headers
 */
export function openParameters(binding: Sealed, keys: KeyRing): StoredParameters {
  const given: StoredParameters = JSON.parse(binding.parameters);
  const { id, sealedHeaders } = binding;
  if (sealedHeaders === undefined) return given;
  const headers = keys.open(sealedHeaders, { bindingId: id, what: 'headers' });
  return { ...given, headers: JSON.parse(headers) };
}
