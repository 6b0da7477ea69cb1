/**
 * The refusals of pushes as codes of problems; `errors.ts` has all others.
 */
import type { PushRefusalCode } from '../push/refusal.ts';

const TOO_MUCH = 'The push exceeds a limit';

export const PUSH_PROBLEMS = {
  bad_path: { status: 400, title: 'The path names no place for the push' },
  bad_header: { status: 400, title: 'A header of the push cannot be understood' },
  bad_body: { status: 400, title: 'The body is no page of metrics' },
  bad_value: { status: 400, title: 'A value cannot be added up' },
  bad_histogram: { status: 400, title: 'A histogram contradicts itself' },
  timestamps: { status: 400, title: 'The push has timestamps' },
  native_histogram: { status: 422, title: 'Native histograms cannot be added up' },
  duplicate_series: { status: 400, title: 'The body has a series twice' },
  type_conflict: { status: 400, title: 'A metric has another type here' },
  gauge_mode_conflict: { status: 400, title: 'A gauge is put together in another way here' },
  series_conflict: { status: 400, title: 'A series belongs to others' },
  too_large: { status: 413, title: 'The push is too large' },
  series_limit: { status: 422, title: TOO_MUCH },
  family_series_limit: { status: 422, title: TOO_MUCH },
  family_limit: { status: 422, title: TOO_MUCH },
  group_limit: { status: 422, title: TOO_MUCH },
  layout_limit: { status: 422, title: TOO_MUCH },
  source_limit: { status: 422, title: TOO_MUCH },
  tenant_limit: { status: 503, title: 'promgate has no room for another tenant' },
  label_limit: { status: 422, title: TOO_MUCH },
  label_length: { status: 422, title: TOO_MUCH },
  characters_limit: { status: 422, title: TOO_MUCH },
  rate_limit: { status: 429, title: 'There are too many pushes' },
  key_reused: { status: 422, title: 'The Idempotency-Key is of another push' },
  not_stored: { status: 503, title: 'The push could not be kept' },
} as const satisfies Record<PushRefusalCode, { readonly status: number; readonly title: string }>;
