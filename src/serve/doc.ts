/**
 * `GET /doc` and `/doc/<page>`: the folder `docs` as web pages, with promgate's own address in every
 * command.
 *
 * The pages need no credential, so they are the same for every reader but for the address. Each page
 * is rendered when it is first read and kept: there are as many as files.
 */
import { readdir, readFile } from 'node:fs/promises';
import { AddressedPage, type DocAddressOptions, docAddress } from './doc-address.ts';
import { DOC_POLICY, framePage, type PageLink } from './doc-frame.ts';
import type { RenderedDoc } from './doc-markdown.ts';
import { docPath, INDEX } from './doc-place.ts';
import { Problem } from './errors.ts';
import type { Handler, RequestContext } from './request.ts';

export interface DocOptions extends DocAddressOptions {
  /** Default: `docs` beside `src`. */
  readonly folder?: URL;
}

const FOLDER = new URL('../../docs/', import.meta.url);

/** Images are shown by the pages only; one that is opened by itself may not load or run anything. */
const IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/** Answers paths that begin with `/doc`. */
export function doc({ folder = FOLDER, ...address }: DocOptions = {}): Handler {
  const pages = new DocPages(folder);
  return async (ctx) => {
    const name = ctx.state.target.path.slice('/doc/'.length);
    const file = name === '' ? INDEX : name.includes('.') ? name : `${name}.md`;
    if (file.endsWith('.svg')) return answerImage(ctx, await pages.image(file));
    const own = docAddress(ctx, address);
    const html = (await pages.page(file)).print(own);
    ctx.set({
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': DOC_POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      // No cache may give one reader the address that another one named.
      'Cache-Control': own.isOfReader ? 'private, no-store' : 'public, max-age=3600',
    });
    if (own.isOfReader) ctx.vary('X-Forwarded-Host, X-Forwarded-Proto, Host');
    ctx.body = html;
  };
}

function answerImage(ctx: RequestContext, image: Buffer): void {
  ctx.set({
    'Content-Type': 'image/svg+xml',
    'Content-Security-Policy': IMAGE_POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'public, max-age=3600',
  });
  ctx.body = image;
}

/** The rendered pages of a folder. */
class DocPages {
  readonly #folder: URL;
  readonly #kept = new Map<string, Promise<AddressedPage>>();
  readonly #images = new Map<string, Promise<Buffer>>();
  #files: Promise<ReadonlySet<string>> | undefined;
  #links: Promise<PageLink[]> | undefined;

  constructor(folder: URL) {
    this.#folder = folder;
  }

  /** @throws {Problem} `not-found` */
  async page(file: string): Promise<AddressedPage> {
    await this.#check(file, '.md');
    return once(this.#kept, file, async () => {
      this.#links ??= this.#list();
      this.#links.catch(() => (this.#links = undefined)); // the next reader tries again
      const [rendered, links] = [await this.#render(file), await this.#links];
      return new AddressedPage(framePage(rendered, docPath(file), links));
    });
  }

  /** @throws {Problem} `not-found` */
  async image(file: string): Promise<Buffer> {
    await this.#check(file, '.svg');
    return once(this.#images, file, () => readFile(new URL(file, this.#folder)));
  }

  /** Only names of files that are in the folder are ever read. */
  async #check(file: string, end: string): Promise<void> {
    this.#files ??= readFiles(this.#folder);
    this.#files.catch(() => (this.#files = undefined)); // the next reader tries again
    if (file.endsWith(end) && (await this.#files).has(file)) return;
    throw new Problem('not-found', 'the documentation has no such page; /doc lists its pages');
  }

  async #render(file: string): Promise<RenderedDoc> {
    const { renderDoc } = await import('./doc-markdown.ts'); // the start needs none of it
    const files = await this.#files;
    return renderDoc(await this.#read(file), (name) => files?.has(name) ?? false);
  }

  #read(file: string): Promise<string> {
    return readFile(new URL(file, this.#folder), 'utf8');
  }

  /** All pages in the order in which the index names them, the others behind these. */
  async #list(): Promise<PageLink[]> {
    const { links } = await this.#render(INDEX);
    const all = [...(await this.#files!)].filter((file) => file.endsWith('.md')).sort(); // `#check` was before
    const titles: PageLink[] = [];
    for (const file of new Set([INDEX, ...links, ...all])) {
      const [, title = file] = /^# (.*)$/m.exec(await this.#read(file)) ?? [];
      titles.push({ path: docPath(file), title: title.replaceAll('`', '') });
    }
    return titles;
  }
}

async function readFiles(folder: URL): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(folder));
  } catch (cause) {
    const detail = 'the documentation is not there: ship the folder docs beside the folder src';
    throw new Problem('not-found', detail, { cause });
  }
}

/** Keeps what `make` gives under `key`; what failed is made again for the next reader. */
function once<T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known) return known;
  const made = make();
  kept.set(key, made);
  made.catch(() => kept.delete(key));
  return made;
}
