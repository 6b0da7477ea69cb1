/**
 * The address in the commands of the documentation: the pages say `promgate.example.com`, readers see
 * their promgate's own.
 */
import type { Context } from 'koa';
import { escapeHtml } from './html.ts';
import { type AddressOptions, ownAddress } from './own-address.ts';

export interface DocAddressOptions extends AddressOptions {
  /** The URL under which readers reach promgate; it overrides the address and the headers. */
  readonly url?: string | undefined;
}

export interface DocAddress {
  /** Without a slash at its end. */
  readonly url: string;
  /** `host` or `host:port`. */
  readonly host: string;
  readonly scheme: string;
  /** Whether it comes from the request, so that another reader's may differ. */
  readonly isOfReader: boolean;
}

const EXAMPLE = 'promgate.example.com';

/** Never throws: a request that names no valid address gets the example's. */
export function docAddress(
  ctx: Pick<Context, 'get' | 'socket'>,
  options: DocAddressOptions,
): DocAddress {
  if (options.url !== undefined) {
    const { protocol, host, pathname } = new URL(options.url);
    const scheme = protocol.slice(0, -1);
    const url = `${scheme}://${host}${pathname}`.replace(/\/+$/, '');
    return { url, host, scheme, isOfReader: false };
  }
  const { address, scheme } = ownAddress(ctx, { ...options, otherwise: EXAMPLE });
  const isOfReader = options.address === undefined || options.scheme === undefined;
  return { url: `${scheme}://${address}`, host: address, scheme, isOfReader };
}

/** What stands for promgate's address in a page; the scheme alone is that of a Prometheus job. */
const PLACES =
  /(https?:\/\/promgate\.example\.com(?::8085)?)|(?<![\w.-])(promgate\.example\.com(?::8085)?)|(?<=scheme: )(https)\b/;

/** A page that is cut where it names promgate's address. */
export class AddressedPage {
  /** Texts, and the kind of address behind each but the last. */
  readonly #pieces: readonly (string | undefined)[];

  constructor(html: string) {
    this.#pieces = html.split(PLACES);
  }

  print({ url, host, scheme }: DocAddress): string {
    const shown = ['', url, host, scheme].map(escapeHtml);
    const piece = (text: string | undefined, index: number): string =>
      index % 4 === 0 || text === undefined ? (text ?? '') : shown[index % 4]!; // of four
    return this.#pieces.map(piece).join('');
  }
}
