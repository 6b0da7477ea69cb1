/**
 * A push that promgate refuses. A refused push changes nothing, except that replace mode notes the
 * time of some refusals, as Pushgateway does.
 */

/** Why a push is refused; a label of a metric, and the `code` of the answer. */
export const PUSH_REFUSALS = [
  'bad_path',
  'bad_header',
  'bad_body',
  'bad_value',
  'bad_histogram',
  'timestamps',
  'native_histogram',
  'duplicate_series',
  'type_conflict',
  'gauge_mode_conflict',
  'series_conflict',
  'too_large',
  'series_limit',
  'family_series_limit',
  'family_limit',
  'group_limit',
  'layout_limit',
  'source_limit',
  'tenant_limit',
  'label_limit',
  'label_length',
  'characters_limit',
  'rate_limit',
  'key_reused',
  'not_stored',
] as const;

export type PushRefusalCode = (typeof PUSH_REFUSALS)[number];

/** What a refusal by a limit tells beside its words. */
export interface LimitDetails {
  readonly limit: number;
  readonly current?: number;
  readonly would_add?: number;
  readonly family?: string;
  /** The label of the family that has the most values: most often the one to leave out. */
  readonly widest_label?: { readonly name: string; readonly values: number };
}

/** The types of a family: what it is here, and what the push says. */
export interface TypeConflict {
  readonly family: string;
  readonly known: string;
  readonly pushed: string;
}

export interface PushRefusalOptions {
  readonly details?: LimitDetails;
  /** Of a `type_conflict` about one family. */
  readonly types?: TypeConflict;
  readonly cause?: unknown;
}

export class PushRefusal extends Error {
  override readonly name = 'PushRefusal';
  readonly code: PushRefusalCode;
  readonly details: LimitDetails | undefined;
  readonly types: TypeConflict | undefined;

  /** @param message - for the client: what was wrong, on what, and what to do */
  constructor(
    code: PushRefusalCode,
    message: string,
    { details, types, cause }: PushRefusalOptions = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.details = details;
    this.types = types;
  }
}
