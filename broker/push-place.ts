/**
 * Where the metrics of a binding of the push plan belong: their tenant, and the labels that nobody
 * who pushes can change.
 *
 * The place is fixed when the binding is created, and is stored among the binding's parameters, so a
 * backup brings it back. Parameters with a place make a binding one of the push plan, whatever the
 * catalog has by now: no change of the configuration turns a token that pushes into one that reads.
 */
import type { NewBinding } from './binding-store.ts';
import { normalizeGuid } from './guid.ts';
import type { GivenParameters } from './parameters-schema.ts';

/** What only the platform's request names; app and space are in the binding itself. */
export interface PushPlace {
  readonly organization_id?: string;
  readonly organization_name?: string;
  readonly space_name?: string;
  readonly app_name?: string;
}

/** The parameters of a binding as they are stored: those of the push plan are a place only. */
export interface StoredParameters extends GivenParameters {
  readonly push?: PushPlace;
}

/** What the platform's request says of a place; '' or undefined for what it does not name. */
export interface NamedPlace {
  readonly organizationId: string;
  readonly names: {
    readonly [Name in Exclude<keyof PushPlace, 'organization_id'>]: string | undefined;
  };
}

export function pushPlace({ organizationId, names }: NamedPlace): PushPlace {
  const place = { ...names, organization_id: normalizeGuid(organizationId) };
  return Object.fromEntries(Object.entries(place).filter(([, value]) => value));
}

/** What the token of a binding of the push plan gives access to. */
export interface PushScope {
  readonly pushes: {
    /**
     * `app:<guid>`, for a service key `space:<guid>`. `@<guid of the space>` follows the app's guid,
     * since an account that serves some spaces may name any app.
     */
    readonly tenant: string;
    /** Sorted by name; none is empty. */
    readonly labels: readonly (readonly [name: string, value: string])[];
  };
}

/** As canonical JSON begins for parameters with a place. */
const MARK = '{"push":{';

export function isOfPushPlan({ parameters }: Pick<NewBinding, 'parameters'>): boolean {
  return parameters.startsWith(MARK);
}

/** @param binding - a binding of the push plan */
export function pushScope(
  binding: Pick<NewBinding, 'appId' | 'spaceId' | 'parameters'>,
): PushScope {
  const appId = normalizeGuid(binding.appId ?? '');
  const spaceId = normalizeGuid(binding.spaceId);
  const ofApp = `app:${appId}${spaceId === '' ? '' : `@${spaceId}`}`;
  const labels = { ...storedPlace(binding.parameters), app_id: appId, space_id: spaceId };
  return {
    pushes: {
      tenant: appId === '' ? `space:${spaceId}` : ofApp,
      labels: Object.entries(labels)
        .filter(([, value]) => value !== '')
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    },
  };
}

function storedPlace(parameters: string): Record<string, string> {
  try {
    return JSON.parse(parameters).push;
  } catch {
    return {}; // damaged in the database: app and space are known nevertheless
  }
}
