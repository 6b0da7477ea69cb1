/**
 * The address and scheme at which the reader reached promgate, for links and targets in answers.
 */
import type { Context } from 'koa';
import { Problem } from './errors.ts';

export interface AddressOptions {
  /** `host` or `host:port` of promgate; overrides the headers of the request. */
  readonly address?: string | undefined;
  readonly scheme?: 'http' | 'https' | undefined;
  /** The address if no header names one. Default: `ownAddress` throws. */
  readonly otherwise?: string;
}

export interface OwnAddress {
  /** `host` or `host:port`. */
  readonly address: string;
  readonly scheme: string;
}

const ADDRESS =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** @throws {Problem} `bad-request` if no header holds an address, and the options give none */
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
  const detail = 'the Host header holds no valid address: correct it, or set sd.address';
  throw new Problem('bad-request', detail);
}

function readScheme(forwarded: string, encrypted: boolean): string {
  const first = forwarded.split(',', 1)[0]!.trim().toLowerCase();
  if (first === 'http' || first === 'https') return first;
  return encrypted ? 'https' : 'http';
}
