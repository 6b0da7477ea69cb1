/**
 * What surrounds each page of the documentation: head, style, the list of all pages.
 *
 * There is no script and nothing from elsewhere; the policy in `DOC_POLICY` allows the one style by its
 * hash. Colours follow the reader's choice of light or dark.
 */
import { createHash } from 'node:crypto';
import type { RenderedDoc } from './doc-markdown.ts';
import { escapeHtml } from './html.ts';

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --paper: #fff; --soft: #f3f5f7; --line: #c9d0d8;
  --link: #0757b8; --quiet: #57606a; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e8ee; --paper: #14181d; --soft: #1e242b;
  --line: #414b57; --link: #79b8ff; --quiet: #a4afbb; } }
* { box-sizing: border-box; }
html { font: 1rem/1.55 system-ui, sans-serif; -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; color: var(--text); background: var(--paper); overflow-wrap: break-word; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; padding: .4rem .8rem; background: var(--paper); }
header { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; align-items: baseline;
  padding: .8rem 1rem; border-bottom: 1px solid var(--line); }
header .name { font-weight: 700; font-size: 1.1rem; color: inherit; text-decoration: none; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem 3rem; max-width: 80rem;
  margin: 0 auto; padding: 0 1rem 3rem; }
main { max-width: 56rem; min-width: 0; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1.4rem 0 .8rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-top: .4rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.08rem; margin: 1.6rem 0 .4rem; }
nav ul { list-style: none; padding: 0; margin: 0; }
nav li { margin: 0; }
nav li a { display: block; padding: .3rem 0; }
nav [aria-current] { font-weight: 700; color: inherit; text-decoration: none; }
nav h2 { font-size: 1rem; border: 0; margin: 1.4rem 0 .3rem; padding: 0; }
.contents { margin: 0 0 1rem; padding: .4rem .8rem; background: var(--soft); border-radius: .4rem; }
.contents summary { cursor: pointer; padding: .2rem 0; }
code, pre { font: .9em/1.5 ui-monospace, monospace; }
code { background: var(--soft); border-radius: .2rem; padding: .08em .25em; }
.wide { overflow-x: auto; margin: .8rem 0; border-radius: .3rem; }
pre { margin: 0; padding: .8rem; background: var(--soft); width: max-content; min-width: 100%; }
pre code { padding: 0; background: none; }
table { border-collapse: collapse; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border: 1px solid var(--line); min-width: 8rem; }
td:first-child { min-width: 10rem; }
th { background: var(--soft); }
td code { overflow-wrap: anywhere; }
.picture { display: block; }
img { display: block; width: 100%; min-width: 36rem; height: auto; }
@media (min-width: 62rem) { .columns { grid-template-columns: 14rem minmax(0, 1fr); }
  nav.pages { grid-column: 1; grid-row: 1; } main { grid-column: 2; } header .to-pages { display: none; } }
@media print { nav, .skip, header .to-pages, .contents { display: none; } }
`;

/** What pages of the documentation may load: their one style, and images of promgate. */
export const DOC_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  ...["img-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

export interface PageLink {
  readonly path: string;
  readonly title: string;
}

/**
 * @param path - of the page itself
 * @param pages - all pages, in the order of the list
 * @returns a whole HTML document
 */
export function framePage(doc: RenderedDoc, path: string, pages: readonly PageLink[]): string {
  const title = escapeHtml(doc.title);
  const links = pages.map(
    (page) =>
      `<li><a href="${page.path}"${page.path === path ? ' aria-current="page"' : ''}>${escapeHtml(page.title)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title === 'promgate' ? title : `${title} - promgate`}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#doc-text">To the text</a>
<header><a class="name" href="/doc">promgate</a><a class="to-pages" href="#doc-pages">All pages</a></header>
<div class="columns">
<main id="doc-text">
${withContents(doc)}</main>
<nav class="pages" id="doc-pages" aria-labelledby="doc-pages-title">
<h2 id="doc-pages-title">Pages</h2>
<ul>
${links.join('\n')}
</ul>
</nav>
</div>
</body>
</html>
`;
}

/** A page with fewer sections than this needs no list of them. */
const MIN_SECTIONS = 4;

/** Puts the list of sections behind the first heading. */
function withContents({ html, headings }: RenderedDoc): string {
  const sections = headings.filter(({ level }) => level === 2);
  if (sections.length < MIN_SECTIONS) return html;
  const items = sections.map(
    ({ id, text }) => `<li><a href="#${escapeHtml(id)}">${escapeHtml(text)}</a></li>`,
  );
  const list = `<nav class="contents" aria-label="On this page"><details><summary>On this page</summary><ul>
${items.join('\n')}
</ul></details></nav>
`;
  return html.replace('</h1>\n', () => `</h1>\n${list}`);
}
