import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { doc } from '../../src/serve/doc.ts';
import { DOC_POLICY } from '../../src/serve/doc-frame.ts';
import { Anchors, renderDoc } from '../../src/serve/doc-markdown.ts';
import { startPromgate } from '../support/promgate.ts';
import { serveFrame } from './frame-server.ts';

const operators = [{ username: 'op', password: 'secret' }];
const PAGES = readdirSync(new URL('../../docs/', import.meta.url)).filter((file) =>
  file.endsWith('.md'),
);
const pathOf = (file: string): string =>
  file === 'README.md' ? '/doc' : `/doc/${file.replace(/\.md$/, '')}`;

const start = (values: Readonly<Record<string, unknown>> = {}) =>
  startPromgate({ apps: [], values: { auth: { mode: 'basic', operators }, ...values } });

describe('/doc', () => {
  it('serves every page of the documentation without a credential, and lists each of them', async () => {
    await using promgate = await start();

    const index = await promgate.text('/doc');

    for (const file of PAGES) {
      const answer = await promgate.get(pathOf(file));
      assert.equal(answer.status, 200, file);
      assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.equal(answer.headers.get('content-security-policy'), DOC_POLICY);
      assert.ok(index.includes(`href="${pathOf(file)}"`), `${file} is in the list`);
    }
  });

  it('loads nothing from elsewhere, runs nothing, and has no style but the allowed one', async () => {
    await using promgate = await start();

    for (const file of PAGES) {
      const html = await promgate.text(pathOf(file));
      assert.doesNotMatch(html, /<(?:script|link|iframe|object|form)\b|\sstyle=|\son\w+=/, file);
      assert.deepEqual(html.match(/<style/g)?.length, 1, file);
      for (const [, source] of html.matchAll(/<img[^>]* src="([^"]*)"/g)) {
        const image = await promgate.get(source!); // its group
        assert.equal(image.headers.get('content-type'), 'image/svg+xml', source);
      }
    }
  });

  it('links only to pages and headings that it serves', async () => {
    await using promgate = await start();
    const pages = new Map<string, string>();
    for (const file of PAGES) pages.set(pathOf(file), await promgate.text(pathOf(file)));

    for (const [path, html] of pages) {
      for (const [, href] of html.matchAll(/<a[^>]* href="([^"]*)"/g)) {
        if (/^https?:/.test(href!)) continue; // its group
        const [page = '', anchor] = href!.split('#');
        const target = page === '' ? html : pages.get(page);
        assert.ok(target !== undefined, `${path} links to ${href}`);
        if (anchor !== undefined) assert.ok(target.includes(` id="${anchor}"`), `${path}: ${href}`);
      }
    }
  });

  it("shows the reader's own host in every command, and lets no cache keep it for others", async () => {
    await using promgate = await start();

    const answer = await promgate.get('/doc/app-teams', {
      headers: { 'X-Forwarded-Host': 'metrics.cf.test', 'X-Forwarded-Proto': 'https' },
    });
    const html = await answer.text();
    const other = await promgate.text('/doc/app-teams');

    assert.equal(answer.headers.get('cache-control'), 'private, no-store');
    assert.match(answer.headers.get('vary') ?? '', /X-Forwarded-Host/);
    assert.ok(html.includes('https://metrics.cf.test/v1/apps/'));
    assert.ok(!html.includes('promgate.example.com'));
    assert.ok(other.includes(`${promgate.url}/v1/apps/`));
    assert.ok(!other.includes('metrics.cf.test'));
  });

  it('shows host and port once, wherever a page names promgate with its port', async () => {
    await using promgate = await start();
    const { host } = new URL(promgate.url);

    const html = await promgate.text('/doc/operators');

    assert.ok(html.includes(`url: ${promgate.url}/sd/apps`));
    assert.ok(html.includes(`[&#34;${host}&#34;]`));
    assert.doesNotMatch(html, /:\d+:\d+/);
  });

  it('shows the configured URL whatever the request names, and lets caches keep the page', async () => {
    const broker = { username: 'cf', password: 'cf', url: 'https://metrics.sys.test/' };
    await using promgate = await start({ broker, database: { url: 'sqlite::memory:' } });

    const answer = await promgate.get('/doc/app-teams', {
      headers: { 'X-Forwarded-Host': 'evil.test' },
    });
    const html = await answer.text();

    assert.equal(answer.headers.get('cache-control'), 'public, max-age=3600');
    assert.ok(html.includes('https://metrics.sys.test/v1/apps/'));
    assert.ok(!html.includes('evil.test'));
  });

  for (const host of [
    `"><script>alert(1)</script>`,
    '`id`',
    '$(id)',
    "a';id;'",
    'evil host.test',
    'a/evil',
  ]) {
    it(`takes no address from a request that names ${host}`, async () => {
      await using promgate = await start();

      const html = await promgate.text('/doc/app-teams', { headers: { 'X-Forwarded-Host': host } });

      assert.ok(!html.includes(host));
      assert.doesNotMatch(html, /<script|alert\(1\)/);
      assert.ok(html.includes(`${promgate.url}/v1/apps/`));
    });
  }

  it('answers HEAD with the headers alone, POST with 405, and what is no page with 404', async () => {
    await using promgate = await start();

    const head = await promgate.get('/doc', { method: 'HEAD' });
    const post = await promgate.get('/doc', { method: 'POST' });

    assert.equal(head.status, 200);
    assert.equal(await head.text(), '');
    assert.equal(post.status, 405);
    for (const path of [
      '/doc/none',
      '/doc/..',
      '/doc/constructor',
      '/doc/README.txt',
      '/doc/x.svg',
    ]) {
      assert.equal(
        (await promgate.get(path.replace('..', '%2e%2e%2fpackage.json'))).status,
        404,
        path,
      );
    }
  });
});

describe('doc', () => {
  it('says what to ship where the folder docs is not there', async () => {
    const folder = new URL('./no-such-folder/', import.meta.url);
    const routes = [{ name: 'doc', path: '/doc', handle: doc({ folder }) }];
    await using site = await serveFrame({ routes });

    const answer = await fetch(`${site.url}/doc`);

    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /ship the folder docs beside the folder src/);
    assert.deepEqual(site.mistakes, []);
  });
});

describe('renderDoc', () => {
  const render = async (markdown: string): Promise<string> =>
    (await renderDoc(markdown, (file) => file === 'a.md')).html;

  it('shows HTML as text, except line breaks', async () => {
    assert.match(await render('<script>x</script>'), /^<p>&lt;script&gt;x/);
    assert.match(await render('a<br>b'), /^<p>a<br>\nb/);
    assert.equal(await render('<!-- left out -->'), '');
  });

  it('keeps links to served files, with their anchors, and only the text of others', async () => {
    assert.match(await render('[x](a.md#b)'), /<a href="\/doc\/a#b">x<\/a>/);
    assert.equal(await render('[x](../bench/README.md)'), '<p><span>x</span></p>\n');
    assert.equal(await render('[x](b.md)[y](#z)'), '<p><span>x</span><a href="#z">y</a></p>\n');
    assert.doesNotMatch(await render('[x](javascript:alert)'), /<a/);
  });

  it('gives other work its turns, and keeps what the end of a page says of its beginning', async () => {
    const block = '- one\n  > deep `c`\n\n| h |\n|-|\n| [x][far] |\n\n';
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);

    const html = await render(`${block.repeat(2_000)}[far]: a.md#b\n`);
    isDone = true;

    assert.ok(turns > 2, `${turns} turns`);
    assert.equal(html.match(/<td><a href="\/doc\/a#b">x<\/a><\/td>/g)?.length, 2_000);
    assert.equal(html.match(/<li>one\n<blockquote>\n<p>deep <code>c<\/code><\/p>/g)?.length, 2_000);
  });
});

describe('Anchors', () => {
  it('makes the anchors that GitHub makes', () => {
    const anchors = new Anchors();

    const made = [
      'What it does, and `why`',
      'TLS to the instances',
      'TLS to the instances',
      '§ Ünï_x-y',
    ];

    assert.deepEqual(
      made.map((text) => anchors.next(text)),
      ['what-it-does-and-why', 'tls-to-the-instances', 'tls-to-the-instances-1', '-ünï_x-y'],
    );
  });
});
