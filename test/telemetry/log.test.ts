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
    assert.deepEqual(Object.keys(err), ['name', 'message', 'stack', 'cause']);
    const { stack: _, ...of } = err['cause'] as Record<string, unknown>;
    assert.deepEqual(of, { name: 'TypeError', message: 'refused', code: 'ECONNREFUSED' });
  });

  it('keeps a line a line', () => {
    const { log, lines } = logTo('info');

    log.info('a\nb', { path: '/\r\n{"level":"error"}' });

    assert.equal(lines[0]!.trimEnd().split('\n').length, 1);
  });
});
