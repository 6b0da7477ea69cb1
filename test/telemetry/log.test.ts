import assert from 'node:assert/strict';
import { createLog, type Level } from '../../src/telemetry/log.ts';

function logTo(level: Level) {
  const lines: string[] = [];
  const log = createLog({ level, destination: { write: (line) => lines.push(line) } });
  return { log, lines };
}

describe('createLog', () => {
  it('writes one JSON object per line, with time, level and message', async () => {
    const { log, lines } = logTo('info');

    log.warn('gorouter failed', { source: 'gorouter', status: 500 });

    assert.equal(lines.length, 1);
    assert.ok(lines[0]!.endsWith('}\n'));
    const { time, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(rest, {
      level: 'warn',
      source: 'gorouter',
      status: 500,
      msg: 'gorouter failed',
    });
  });

  it('writes no line below its level', () => {
    const { log, lines } = logTo('warn');

    log.debug('a');
    log.info('b');
    log.error('c');

    assert.equal(lines.length, 1);
    assert.equal(log.writes('info'), false);
    assert.equal(log.writes('error'), true);
  });

  it('keeps secrets out of messages, fields and errors', () => {
    const { log, lines } = logTo('info');

    log.info('polling http://u:hunter2@h/routes', {
      authorization: 'Basic hunter2',
      url: '/x?token=hunter2',
      err: new Error('GET http://u:hunter2@h'),
    });

    assert.doesNotMatch(lines.join(''), /hunter2/);
  });

  it('says of an error its name, code and cause', () => {
    const { log, lines } = logTo('info');
    const cause = Object.assign(new TypeError('refused'), { code: 'ECONNREFUSED' });

    log.warn('it failed', { err: new Error('no routes', { cause }) });

    const { err } = JSON.parse(lines[0]!) as { err: Record<string, unknown> };
    assert.deepEqual(err, {
      ...{ name: 'Error', message: 'no routes' },
      cause: { name: 'TypeError', message: 'refused', code: 'ECONNREFUSED' },
    });
  });

  it('says where an error was thrown if it may be a mistake of ours, and else does not', () => {
    const { log, lines } = logTo('info');
    const withCode = (code: string): Error => Object.assign(new Error('e'), { code });
    const ours = [new TypeError('e'), withCode('ERR_INVALID_ARG_TYPE')];
    const others = ['EADDRINUSE', '28P01', 'ERR_SQLITE_ERROR', 'ERR_TLS_CERT_ALTNAME_INVALID'];
    const away = Object.assign(new Error('away', { cause: new Error('broken off') }), {
      name: 'StoreAwayError',
    });
    const hidden = Object.assign(new Error('away', { cause: new TypeError('e') }), {
      name: 'StoreAwayError',
    });
    ours.push(hidden);

    const all = [...ours, ...others.map(withCode), away, new Error('503', { cause: away })];
    for (const err of all) log.error('it failed', { err });

    const withStack = lines.map((line) => line.includes('log.test.ts'));
    assert.deepEqual(
      withStack,
      all.map((err) => ours.includes(err)),
    );
  });

  it('leaves words that only look like a credential', () => {
    const { log, lines } = logTo('info');

    log.info("send the broker's name and password by basic auth");
    log.info('sent basic aHVudGVyMg==');

    assert.match(lines[0]!, /by basic auth"/);
    assert.match(lines[1]!, /basic \*\*\*"/);
  });

  it('keeps a line a line', () => {
    const { log, lines } = logTo('info');

    log.info('a\nb', { path: '/\r\n{"level":"error"}' });

    assert.equal(lines[0]!.trimEnd().split('\n').length, 1);
  });
});
