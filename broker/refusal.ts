/**
 * The reasons why the broker refuses a call, and the answer for each reason.
 *
 * Only this file knows the statuses and error codes of refusals.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#service-broker-errors
 */

interface Form {
  readonly status: number;
  /** Further members of the answer; `error` is a code of the specification. */
  readonly members?: Readonly<Record<string, string | boolean>>;
}

const FORMS = {
  /** The broker cannot read the request: fields are missing or have a wrong type. */
  'bad-request': { status: 400 },
  /** The catalog, its schemas or the account's spaces do not allow the request. */
  unacceptable: { status: 400 },
  unauthorized: { status: 401 },
  'not-found': { status: 404 },
  'method-not-allowed': { status: 405 },
  conflict: { status: 409 },
  version: { status: 412 },
  'too-large': { status: 413 },
  maintenance: { status: 422, members: { error: 'MaintenanceInfoConflict' } },
  'plan-change': { status: 422, members: { instance_usable: true, update_repeatable: false } },
  unreadable: { status: 500 },
  internal: { status: 500 },
  away: { status: 503 },
  /** promgate has too many requests; the caller may try again later. */
  busy: { status: 503 },
} as const satisfies Record<string, Form>;

export type RefusalReason = keyof typeof FORMS;

/** A refused call. Its message goes to the caller and says what is wrong and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    reason: RefusalReason,
    description: string,
    options: ErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(description, options);
    this.reason = reason;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return FORMS[this.reason].status;
  }

  get body(): Readonly<Record<string, string | boolean>> {
    const { members }: Form = FORMS[this.reason];
    return { ...members, description: this.message };
  }
}
