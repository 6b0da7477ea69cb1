/** Apps behind one router share its address, but neither connections nor what their answers teach. */
import assert from 'node:assert/strict';
import net from 'node:net';
import type { LenientAnswer } from '../../src/fetch/connections.ts';
import { ask, listen, openScraper } from './instance-server.ts';

const PAGE = 'a 1\n';
/** By their `Host`: one is right, and one has a line that only the lenient parser reads. */
const ANSWERS: Readonly<Record<string, string>> = {
  'good.example.com': `HTTP/1.1 200 OK\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}`,
  'odd.example.com': `HTTP/1.1 200 OK\nContent-Length: ${PAGE.length}\n\n${PAGE}`,
};

describe('connections to a router', () => {
  const startRouter = () =>
    listen(
      net.createServer((socket) => {
        socket.on('data', (request) => {
          const [, host = ''] = /^host: (\S+)/im.exec(request.toString('latin1')) ?? [];
          socket.write(ANSWERS[host] ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
        });
      }),
    );
  const by = (host: string) => ({ via: 'gorouter', host, serverName: host }) as const;

  it('are kept for each route, and used again for that route alone', async () => {
    await using router = await startRouter();
    await using scraper = openScraper();
    for (let at = 0; at < 3; at++) {
      assert.equal(await ask(scraper, router.address, by('good.example.com')), PAGE);
    }
    assert.equal(router.connected, 1);

    await ask(scraper, router.address, by('other.example.com'));

    assert.equal(router.connected, 2);
  });

  it('stay as they are for other apps where one breaks HTTP', async () => {
    const lenient: LenientAnswer[] = [];
    await using router = await startRouter();
    await using scraper = openScraper({ onLenient: (answer) => lenient.push(answer) });
    assert.equal(await ask(scraper, router.address, by('odd.example.com')), PAGE);
    assert.equal(lenient.length, 1);
    const before = router.connected;

    for (let at = 0; at < 3; at++) {
      assert.equal(await ask(scraper, router.address, by('good.example.com')), PAGE);
    }

    assert.equal(lenient.length, 1);
    assert.equal(router.connected - before, 1, 'one connection, kept');
  });
});
