/**
 * A simulated UAA: clients, users, tokens that expire, and refresh tokens that a new password voids.
 */
import { randomUUID } from 'node:crypto';
import type { WorldSpace } from './world.ts';

interface Grants {
  /** `cloud_controller.read`, `cloud_controller.global_auditor`, … */
  scopes: string[];
  /** The spaces in which a user or client has a role. */
  spaces: WorldSpace[];
}

interface Client extends Grants {
  secret: string;
}

interface User extends Grants {
  password: string;
  origin: string;
}

/** Whoever a token speaks for. */
export interface Subject extends Grants {
  /** What the API's rate limit counts by. */
  readonly id: string;
}

interface Issued {
  readonly subject: string;
  readonly untilMs: number;
  readonly refresh: boolean;
}

export interface TokenAnswer {
  readonly status: number;
  readonly json: unknown;
}

export class Uaa {
  readonly clients = new Map<string, Client>();
  readonly users = new Map<string, User>();
  /** Seconds that an access token lasts. */
  accessSeconds = 1200;
  /** The grant types that were asked for, in order. */
  readonly grants: string[] = [];
  readonly #nowMs: () => number;
  readonly #issued = new Map<string, Issued>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whoever an access token speaks for; undefined if the token is unknown or has expired. */
  subjectOf(token: string): Subject | undefined {
    const issued = this.#issued.get(token);
    if (!issued || issued.refresh || this.#nowMs() >= issued.untilMs) return undefined;
    return this.#subject(issued.subject);
  }

  /** Makes every access token worthless, as a restart with another signing key does. */
  revokeAll(): void {
    this.#issued.clear();
  }

  changePassword(username: string, password: string): void {
    const user = this.users.get(username);
    if (!user) throw new Error(`no user ${username}`);
    user.password = password;
    for (const [token, { subject, refresh }] of this.#issued) {
      if (refresh && subject === `user ${username}`) this.#issued.delete(token);
    }
  }

  /** `POST /oauth/token`. */
  grant(form: URLSearchParams, query: URLSearchParams, authorization: string): TokenAnswer {
    const type = form.get('grant_type') ?? '';
    this.grants.push(type);
    const basic = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
    const [basicId = '', basicSecret = ''] = basic.split(/:(.*)/s);
    const clientId = form.get('client_id') ?? basicId;
    const client = this.clients.get(clientId);
    if (!client || client.secret !== (form.get('client_secret') ?? basicSecret)) {
      return refusal('invalid_client', 'Bad credentials');
    }
    if (type === 'client_credentials') return this.#issue(`client ${clientId}`, false);
    if (type === 'refresh_token') {
      const issued = this.#issued.get(form.get('refresh_token') ?? '');
      if (!issued?.refresh) return refusal('invalid_token', 'The refresh token was revoked');
      return this.#issue(issued.subject, true);
    }
    const user = this.users.get(form.get('username') ?? '');
    const hint = JSON.parse(query.get('login_hint') ?? '{"origin":"uaa"}') as { origin: string };
    if (!user || user.password !== form.get('password') || user.origin !== hint.origin) {
      return refusal('invalid_grant', 'Bad credentials');
    }
    return this.#issue(`user ${form.get('username')}`, true);
  }

  #issue(subject: string, refreshes: boolean): TokenAnswer {
    const token = (refresh: boolean, seconds: number): string => {
      const text = `${refresh ? 'refresh' : 'access'}-${randomUUID()}`;
      this.#issued.set(text, { subject, refresh, untilMs: this.#nowMs() + seconds * 1000 });
      return text;
    };
    const json = {
      access_token: token(false, this.accessSeconds),
      token_type: 'bearer',
      expires_in: this.accessSeconds,
      scope: this.#subject(subject)?.scopes.join(' ') ?? '',
      jti: randomUUID(),
      ...(refreshes && { refresh_token: token(true, 2_592_000) }),
    };
    return { status: 200, json };
  }

  #subject(subject: string): Subject | undefined {
    const [kind, name = ''] = subject.split(/ (.*)/s);
    const grants = kind === 'user' ? this.users.get(name) : this.clients.get(name);
    return grants && { id: subject, scopes: grants.scopes, spaces: grants.spaces };
  }
}

function refusal(error: string, description: string): TokenAnswer {
  return { status: 401, json: { error, error_description: description } };
}
