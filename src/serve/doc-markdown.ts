/**
 * A page of the documentation: from Markdown to HTML.
 *
 * The pages are written for GitHub, so headings get GitHub's anchors. HTML in a page is shown as text,
 * except `<br>`; comments are left out. Links to other pages lead to `/doc/…`; what else a page links
 * to within the repository is not served, so that only the text of such a link stays.
 *
 * @see https://github.github.com/gfm/
 */
import MarkdownIt from 'markdown-it';
import { everyTurn, takeSteps } from '../clock.ts';
import { docPath } from './doc-place.ts';
import { escapeHtml } from './html.ts';

type Token = ReturnType<MarkdownIt['parse']>[number];

interface Heading {
  readonly id: string;
  readonly text: string;
  readonly level: number;
}

export interface RenderedDoc {
  /** The text of the first heading. */
  readonly title: string;
  /** All headings but the first, in their order. */
  readonly headings: readonly Heading[];
  /** The names of the files that the page links to, each once, in their order. */
  readonly links: readonly string[];
  readonly html: string;
}

const TURN_MS = 4;

/**
 * Works in slices: a long page takes 20 ms in all.
 *
 * @param serves - whether a file of the documentation is served, such as `push.md`
 */
export function renderDoc(
  markdown: string,
  serves: (file: string) => boolean,
): Promise<RenderedDoc> {
  return takeSteps(rendering(markdown, serves), everyTurn(TURN_MS));
}

function* rendering(
  markdown: string,
  serves: (file: string) => boolean,
): Generator<void, RenderedDoc, void> {
  const parser = createParser();
  const tokens = yield* parsing(parser, markdown.replaceAll(/^<!--.*?-->$/gms, ''));
  const headings = addAnchors(tokens);
  const links = rewriteLinks(tokens, serves);
  labelScrolling(tokens);
  emptyHeaders(tokens);
  let html = '';
  for (const block of blocksOf(tokens)) {
    html += parser.renderer.render(block, parser.options, {});
    yield;
  }
  const [first, ...others] = headings;
  return { title: first?.text ?? 'promgate', headings: others, links, html };
}

/** Finds the blocks of a page, then reads the text of one after the other. */
function* parsing(parser: MarkdownIt, markdown: string): Generator<void, Token[], void> {
  const environment = {}; // what a page defines for links anywhere in it
  const blocks = new MarkdownIt(parser.options);
  blocks.core.ruler.enableOnly(['normalize', 'block']);
  const tokens = blocks.parse(markdown, environment);
  for (const token of tokens) {
    if (token.type !== 'inline') continue;
    token.children = parser.parseInline(token.content, environment)[0]?.children ?? [];
    yield;
  }
  return tokens;
}

/** Cuts a page into its outermost blocks. */
function* blocksOf(tokens: readonly Token[]): Generator<Token[]> {
  let start = 0;
  let depth = 0;
  for (const [at, { nesting }] of tokens.entries()) {
    depth += nesting;
    if (depth > 0) continue;
    yield tokens.slice(start, at + 1);
    start = at + 1;
  }
}

function createParser(): MarkdownIt {
  const parser = new MarkdownIt({ html: false, linkify: false });
  parser.inline.ruler.before('html_inline', 'line-break', (state, silent) => {
    if (!state.src.startsWith('<br>', state.pos)) return false;
    if (!silent) state.push('hardbreak', 'br', 0);
    state.pos += '<br>'.length;
    return true;
  });
  const { rules } = parser.renderer;
  rules['table_open'] = (tokens, index) => `${scroller('Table', tokens[index]!)}<table>\n`; // its own index
  rules['image'] = (tokens, index) => {
    const token = tokens[index]!; // its own index
    const [text, source] = [token.content, token.attrGet('src') ?? ''].map(escapeHtml);
    return `<span class="wide picture" role="region" aria-label="Picture: ${text}" tabindex="0"><img src="${source}" alt="${text}"></span>`;
  };
  rules['table_close'] = () => '</table></div>\n';
  rules['fence'] = (tokens, index) => {
    const token = tokens[index]!; // its own index
    const code = escapeHtml(token.content);
    return `${scroller('Code', token)}<pre><code>${code}</code></pre></div>\n`;
  };
  return parser;
}

/** A region that scrolls sideways by keyboard too, named after its section. */
function scroller(kind: 'Table' | 'Code', token: Token): string {
  const { label = kind } = token.meta ?? {};
  return `<div class="wide" role="region" aria-label="${escapeHtml(`${kind}: ${label}`)}" tabindex="0">`;
}

/** Gives each heading an anchor as GitHub does, and a link to the anchor. */
function addAnchors(tokens: readonly Token[]): Heading[] {
  const headings: Heading[] = [];
  const anchors = new Anchors();
  for (const [index, token] of tokens.entries()) {
    if (token.type !== 'heading_open') continue;
    const inline = tokens[index + 1]!; // a heading has its text behind it
    const text = plainText(inline);
    const id = anchors.next(text);
    token.attrSet('id', id);
    headings.push({ id, text, level: Number(token.tag.slice(1)) });
  }
  return headings;
}

function plainText({ children }: Token): string {
  return (children ?? []).map(({ content }) => content).join('');
}

/** The anchors of one page, as GitHub makes them. */
export class Anchors {
  readonly #used = new Map<string, number>();

  /** @returns the anchor of the next heading, whose text has no markup */
  next(text: string): string {
    const slug = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    const count = this.#used.get(slug) ?? 0;
    this.#used.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  }
}

/** @returns the names of the files of the documentation that are linked */
function rewriteLinks(tokens: readonly Token[], serves: (file: string) => boolean): string[] {
  const files = new Set<string>();
  for (const token of tokens) {
    let isDropped = false;
    for (const child of token.children ?? []) {
      if (child.type === 'image') child.attrSet('src', `/doc/${child.attrGet('src') ?? ''}`);
      if (child.type === 'link_close' && isDropped) child.tag = 'span';
      if (child.type !== 'link_open') continue;
      const target = child.attrGet('href') ?? '';
      const [file = '', anchor] = target.split('#', 2);
      const place = placeOf(file, anchor, serves);
      isDropped = place === undefined;
      if (place === undefined) {
        child.tag = 'span';
        child.attrs = null;
      } else {
        child.attrSet('href', place);
        if (/^https?:/.test(place)) child.attrSet('rel', 'noreferrer');
        if (file.endsWith('.md')) files.add(file);
      }
    }
  }
  return [...files];
}

/** @returns undefined if nothing is served there */
function placeOf(
  file: string,
  anchor: string | undefined,
  serves: (file: string) => boolean,
): string | undefined {
  const behind = anchor === undefined ? '' : `#${anchor}`;
  if (/^https?:\/\//.test(file)) return file + behind;
  if (file === '') return behind;
  if (!serves(file)) return undefined;
  return docPath(file) + behind;
}

/** Names each table and each block of code after the section that it is in. */
function labelScrolling(tokens: readonly Token[]): void {
  let label = '';
  const counts = new Map<string, number>();
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') label = plainText(tokens[index + 1]!); // its text
    token.attrs = (token.attrs ?? []).filter(([name]) => name !== 'style'); // the policy forbids it
    if (token.type !== 'table_open' && token.type !== 'fence') continue;
    const key = `${token.type} ${label}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    token.meta = { label: count === 1 ? label : `${label}, ${count}` };
  }
}

/** Makes plain cells of headers without a text: they name no column. */
function emptyHeaders(tokens: readonly Token[]): void {
  for (const [at, token] of tokens.entries()) {
    const [text, end] = [tokens[at + 1], tokens[at + 2]];
    if (token.type !== 'th_open' || text?.content !== '' || end === undefined) continue;
    token.tag = 'td';
    end.tag = 'td';
  }
}
