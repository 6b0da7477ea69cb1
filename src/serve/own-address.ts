/**
 * Where the reader has reached promgate: what it is told to ask again.
 */
import type { Context } from 'koa';
import { Problem } from './errors.ts';

export interface AddressOptions {
  /** `host` or `host:port` of promgate, over what the request says. */
  readonly address?: string | undefined;
  readonly scheme?: 'http' | 'https' | undefined;
  /** The address where the request names none; without it that is an error. */
  readonly otherwise?: string;
}

export interface OwnAddress {
  /** `host` or `host:port`. */
  readonly address: string;
  readonly scheme: string;
}

const ADDRESS =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** @throws {Problem} `bad-request` if no header holds an address, and none is given */
export function ownAddress(
  ctx: Pick<Context, 'get' | 'socket'>,
  { address, scheme, otherwise }: AddressOptions,
): OwnAddress {
  return {
    address: address ?? readAddress(ctx, otherwise),
    scheme: scheme ?? readScheme(ctx.get('X-Forwarded-Proto'), 'encrypted' in ctx.socket),
  };
}

function readAddress(ctx: Pick<Context, 'get'>, otherwise: string | undefined): string {
  for (const name of ['X-Forwarded-Host', 'Host']) {
    const first = ctx.get(name).split(',', 1)[0]!.trim();
    if (ADDRESS.test(first)) return first;
  }
  if (otherwise !== undefined) return otherwise;
  throw new Problem('bad-request', 'the Host header holds no address; sd.address may name one');
}

function readScheme(forwarded: string, encrypted: boolean): string {
  const first = forwarded.split(',', 1)[0]!.trim().toLowerCase();
  if (first === 'http' || first === 'https') return first;
  return encrypted ? 'https' : 'http';
}
