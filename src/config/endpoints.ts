/**
 * The section `endpoints`: which endpoints a reader may name by `/metrics?endpoint=URL`.
 */
import { isIP } from 'node:net';
import { isEmpty } from './credentials.ts';
import {
  flag,
  list,
  network,
  section,
  size,
  type TextPattern,
  text,
  wholeNumber,
  withDefault,
} from './setting.ts';

const HOST = /^(?:[a-z0-9*_](?:[a-z0-9*._-]{0,251}[a-z0-9*_])?\.?)$/i;
const PORT = /^(?:[1-9]\d{0,4})$/;

/** A host with or without a port, or a network. */
const RULE: TextPattern = {
  test: (rule) => {
    if (isNetwork(rule)) return true;
    const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(rule) ?? [];
    if (port !== undefined && !(PORT.test(port) && Number(port) <= 65_535)) return false;
    if (bracketed !== undefined) return isIP(bracketed) === 6;
    // What looks like an address must be one, or the rule would never fit.
    const host = plain ?? '';
    const looksLikeAddress = /^[\d.]+$/.test(host);
    return HOST.test(host) && (!looksLikeAddress || isIP(host) === 4);
  },
};

function isNetwork(rule: string): boolean {
  const [address = '', bits, ...more] = rule.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || more.length > 0) return false;
  if (bits === undefined) return family === 6;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Everybody's endpoints would get the credentials. */
const PASS_AUTH_RULE: TextPattern = {
  test: (rule) => RULE.test(rule) && !/^\**(?::\d+)?$/.test(rule) && !/\/0+$/.test(rule),
};

/** Headers that promgate sets itself, that hold for one connection only, or that are credentials. */
const OWN_HEADERS =
  /^(?:accept|accept-encoding|authorization|cdn-loop|connection|content-.*|cookie|expect|forwarded|host|if-.*|keep-alive|promgate-.*|proxy-.*|range|te|trailer|traceparent|tracestate|transfer-encoding|upgrade|user-agent|via|x-cf-.*|x-forward-authorization|x-forwarded-.*|x-promgate-.*|x-prometheus-scrape-timeout-seconds)$/i;

const HEADER: TextPattern = {
  test: (name) => /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i.test(name) && !OWN_HEADERS.test(name),
};

const rule = (description: string, pattern = RULE, but = '') =>
  text(description, {
    allowed: `a host such as *.example.com or *.example.com:9100, or a network such as 10.1.0.0/16${but}`,
    pattern,
  });

export const endpoints = section(
  'Which endpoints readers may name by /metrics?endpoint=URL, and how promgate asks them.',
  {
    allow: withDefault(
      list(
        'Endpoints that may be asked; * alone is every public host. While the list is empty, ?endpoint= answers 404.',
        rule('A host, where * stands for any characters, with or without a port; or a network.'),
      ),
      [],
    ),
    deny: withDefault(list('Endpoints that are never asked.', rule('As in endpoints.allow.')), []),
    allow_private: withDefault(
      list(
        'Networks that are not public, such as loopback, and may be asked nevertheless if endpoints.allow allows it.',
        network('The address or network.'),
      ),
      [],
    ),
    pass_auth: withDefault(
      list(
        "Endpoints that get the reader's Authorization and Cookie; in other modes than open the endpoint's Authorization is sent as X-Forward-Authorization.",
        rule('As in endpoints.allow, but not every host.', PASS_AUTH_RULE, ', but not all of them'),
      ),
      [],
    ),
    pass_headers: withDefault(
      list(
        'Further headers of the reader that endpoints get; readers share a page only if these are equal.',
        text('Name of a header.', {
          allowed:
            'the name of a header that promgate does not set itself and that is no credential',
          pattern: HEADER,
        }),
      ),
      [],
    ),
    obey_cache_control: withDefault(
      flag(
        "Keep a page shorter than cache.ttl, or not at all, where the endpoint's Cache-Control says so.",
      ),
      true,
    ),
    max_body: withDefault(
      size('Largest page of an endpoint, after decompression.', {
        minBytes: 1024,
        maxBytes: 2 ** 28,
      }),
      '16MiB',
    ),
    concurrency: withDefault(wholeNumber('Endpoints asked at once.', { min: 1, max: 65_535 }), 128),
    compat: withDefault(
      flag(
        'Answer as prom-cache does: 404 for an endpoint without a page, and on its port as well.',
      ),
      false,
    ),
    compat_port: withDefault(
      wholeNumber('The port of prom-cache, opened by endpoints.compat; 0 takes any free port.', {
        min: 0,
        max: 65_535,
      }),
      9221,
    ),
  },
  [
    {
      key: 'allow',
      holds: ({ allow, deny, allow_private, pass_auth, compat }) =>
        !isEmpty(allow) ||
        (isEmpty(deny) && isEmpty(allow_private) && isEmpty(pass_auth) && compat !== true),
      otherwise: 'must name at least one endpoint, since other keys of endpoints are set',
    },
  ],
);
