/**
 * Why the broker does not do what it was asked, and as which answer each reason goes out.
 *
 * The only place that knows statuses and error codes of refusals.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#service-broker-errors
 */

interface Form {
  readonly status: number;
  /** Further members of the answer; `error` is one of the specification's codes. */
  readonly members?: Readonly<Record<string, string | boolean>>;
}

const FORMS = {
  /** It cannot be understood: fields are missing, or of another type. */
  'bad-request': { status: 400 },
  /** It is understood, and not allowed: by the catalog, its schemas, or the account's spaces. */
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
  /** It may be carried out later: promgate has too much to do. */
  busy: { status: 503 },
} as const satisfies Record<string, Form>;

export type RefusalReason = keyof typeof FORMS;

/** A call that is not carried out. The message goes to whoever made it: what is wrong, what to do. */
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
