/** Links between the pages of the repository lead to files and headings that there are. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Anchors } from '../../src/serve/doc-markdown.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['README.md', ...globSync('{docs,bench}/*.md', { cwd: ROOT })];
const COMMAND_PAGES = globSync('docs/*.md', { cwd: ROOT }).map((file) => path.basename(file));

/** A page without its blocks of code. */
const textOf = (file: string): string =>
  readFileSync(path.join(ROOT, file), 'utf8').replaceAll(/^ *```.*?^ *```$/gms, '');

function anchorsOf(file: string): Set<string> {
  const anchors = new Anchors();
  const headings = textOf(file).matchAll(/^#+ (.*)$/gm);
  return new Set(Array.from(headings, ([, text]) => anchors.next(text!.replaceAll(/[`*]/g, '')))); // its group
}

describe('links of the documentation', () => {
  for (const page of PAGES) {
    it(`${page} links to files and headings that there are`, () => {
      const broken = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target!) // its group
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => {
          const [file = '', anchor] = target.split('#', 2);
          const place = file === '' ? page : path.join(path.dirname(page), file);
          if (!existsSync(path.join(ROOT, place))) return true;
          return anchor !== undefined && !anchorsOf(place).has(anchor);
        });

      assert.deepEqual(broken, []);
    });
  }

  it('lead from docs/README.md to every page of docs/', () => {
    const index = textOf('docs/README.md');

    const unlinked = COMMAND_PAGES.filter(
      (file) => file !== 'README.md' && !index.includes(`](${file}`),
    );
    assert.deepEqual(unlinked, []);
  });

  it('are readable in the picture too, which is well-formed and has a name', () => {
    const picture = readFileSync(path.join(ROOT, 'docs/architecture.svg'), 'utf8');
    const open: string[] = [];
    const rest = picture.replaceAll(
      /<(\/?)([A-Za-z]+)((?: [A-Za-z-]+="[^"<&]*")*) ?(\/?)>/g,
      (_, close, name, _attributes, empty) => {
        if (close) assert.equal(open.pop(), name);
        else if (!empty) open.push(name);
        return '';
      },
    );

    assert.deepEqual(open, []);
    assert.doesNotMatch(rest, /[<>]|&(?!amp;|lt;|gt;)/);
    assert.match(picture, /^<svg [^>]*role="img" aria-labelledby="name about">\n<title id="name">/);
    assert.doesNotMatch(picture, /href=|url\((?!#)|<script|@import/);
  });
});

describe('the commands of the documentation', () => {
  it('are run by a test, page by page', () => {
    const tests = globSync('test/**/*.test.ts', { cwd: ROOT }).map((file) =>
      readFileSync(path.join(ROOT, file), 'utf8'),
    );
    const withCommands = COMMAND_PAGES.filter((file) =>
      /^```sh$/m.test(readFileSync(path.join(ROOT, 'docs', file), 'utf8')),
    );

    assert.ok(withCommands.length >= 7);
    const unrun = withCommands.filter(
      (file) =>
        !tests.some(
          (text) =>
            text.includes(`runBlocks('${file}'`) ||
            (text.includes(`readFile('docs/${file}'`) && text.includes('```sh')),
        ),
    );
    assert.deepEqual(unrun, []);
  });
});
