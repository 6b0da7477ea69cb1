/**
 * The files of the status page: `/` and `/status/assets/…`, served as they stand.
 *
 * They hold nothing that depends on the reader, so they need no credential. They are read once, when the
 * page is asked for first.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Problem } from '../errors.ts';
import type { Handler } from '../request.ts';

/** Nothing from elsewhere, no inline code or style, no frame, and no HTML made of text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

const OWN = [
  ...['index.html', 'status.css', 'icon.svg', 'main.js', 'api.js', 'dom.js', 'login.js'],
  ...['overview.js', 'list.js', 'detail.js', 'charts.js', 'page.js', 'page-reader.js', 'format.js'],
] as const;

/** The files by name. uPlot's are those of its package. */
const FILES: ReadonlyMap<string, URL> = new Map([
  ...OWN.map((name): [string, URL] => [name, new URL(`page/${name}`, import.meta.url)]),
  ['uplot.js', new URL('uPlot.esm.js', import.meta.resolve('uplot'))],
  ['uplot.css', new URL('uPlot.min.css', import.meta.resolve('uplot'))],
]);

interface Asset {
  readonly body: Buffer;
  readonly zipped: Buffer;
  readonly etag: string;
  readonly type: string;
}

/** Answers `/` and `/status/assets/<name>`. */
export function statusSite(files: ReadonlyMap<string, URL> = FILES): Handler {
  const assets = new Map<string, Promise<Asset>>();
  return async (ctx) => {
    const { path } = ctx.state.target;
    const name = path === '/' ? 'index.html' : path.slice('/status/assets/'.length);
    const file = files.get(name);
    if (!file) throw new Problem('not-found', 'the status page has no such file');
    const known = assets.get(name) ?? readAsset(name, file);
    assets.set(name, known);
    known.catch(() => assets.delete(name)); // the next reader tries again
    const { body, zipped, etag, type } = await known;
    ctx.set({
      'Content-Type': type,
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Cache-Control': 'no-cache',
      ETag: etag,
    });
    ctx.vary('Accept-Encoding');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const isZipped = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (isZipped) ctx.set('Content-Encoding', 'gzip');
    ctx.body = isZipped ? zipped : body;
    ctx.set('Content-Type', type);
  };
}

async function readAsset(name: string, file: URL): Promise<Asset> {
  const body = await readFile(file);
  const ending = name.slice(name.lastIndexOf('.') + 1);
  const type = Object.entries(TYPES).find(([one]) => one === ending)?.[1] ?? TYPES.html;
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { body, zipped: await promisify(gzip)(body), etag, type };
}
