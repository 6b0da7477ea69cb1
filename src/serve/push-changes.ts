/**
 * The requests to the push gateway that change something without a page: counting by one, deleting,
 * and wiping.
 */

import { PushRefusal } from '../push/refusal.ts';
import { Problem } from './errors.ts';
import { changerOf, type PushOptions, restOf, takeTurn, writeAnswer } from './push.ts';
import { acceptedAnswer, type PushAnswer, refusalAnswer } from './push-answers.ts';
import { readPushBody } from './push-body.ts';
import { countedPage, readCount, readQuery } from './push-counter.ts';
import { readKey } from './push-headers.ts';
import { groupingKey, readPushPath } from './push-path.ts';
import { pushHash, readIntent } from './push-request.ts';
import type { Handler } from './request.ts';

const ALL = '__all';
/** A number is no longer. */
const MAX_AMOUNT_BYTES = 1_024;

/** The answer of Pushgateway to a deletion, also of a group that is not there. */
const DELETED: PushAnswer = { status: 202, headers: {}, body: Buffer.alloc(0) };

/** `PATCH /metrics/<name>?label=value`: adds 1, or as much as `_value` or the body says. */
export function count(options: PushOptions): Handler {
  const { desk, room, utf8Names } = options;
  return async (ctx) => {
    ctx.set('X-Durability', desk.ledger.durability);
    const beganMs = performance.now();
    const tenancy = changerOf(ctx, options);
    const intent = { of: 'counter', ...tenancy, path: [] } as const;
    const facts = { intent, samples: 1, bytes: 0, beganMs };
    try {
      const settings = takeTurn(tenancy, options);
      const { query } = ctx.state.target;
      const { segments } = readPushPath(restOf(ctx, options));
      const wanted = readCount(segments[0] ?? '', { query, utf8Names });
      const page = { kind: 'page', segments: [] } as const;
      const full = readIntent(ctx.req, page, { tenancy, settings, utf8Names });
      const key = readKey(ctx.req.headers);
      using taken = room.take(tenancy.tenant);
      const body = await readPushBody(ctx.req, {
        ...{ maxBodyBytes: MAX_AMOUNT_BYTES, maxDecompressedBytes: MAX_AMOUNT_BYTES },
        ...{ room: taken, signal: ctx.state.signal },
      });
      const said = Buffer.from(`${segments[0]}?${query}\n`);
      const id =
        key === undefined ? undefined : { key, hash: pushHash(full, Buffer.concat([said, body])) };
      const answer = await desk.push({
        ...{ ...facts, intent: { ...full, of: 'counter' }, id },
        page: countedPage(wanted, wanted.amount ?? body.toString()),
      });
      writeAnswer(ctx, answer);
    } catch (error) {
      if (!(error instanceof PushRefusal)) {
        desk.failed(facts, error);
        throw error;
      }
      writeAnswer(ctx, await desk.refused(facts, error));
    }
  };
}

/** `DELETE /metrics/<name>?label=value`: the metrics that have all of these labels, or all metrics. */
export function deleteFamily(options: PushOptions): Handler {
  const { ledger } = options.desk;
  return async (ctx) => {
    ctx.set('X-Durability', ledger.durability);
    const tenancy = changerOf(ctx, options);
    takeTurn(tenancy, options);
    const [name = ''] = readPushPath(restOf(ctx, options)).segments;
    if (name === ALL) await ledger.wipe(tenancy);
    else await ledger.deleteMetrics(tenancy, name, readQuery(ctx.state.target.query).labels);
    writeAnswer(ctx, acceptedAnswer('counter', false));
  };
}

/** `DELETE /metrics/job/…`: a group of replace mode. */
export function deleteGroup(options: PushOptions): Handler {
  const { ledger } = options.desk;
  const { utf8Names } = options;
  return async (ctx) => {
    ctx.set('X-Durability', ledger.durability);
    const tenancy = changerOf(ctx, options);
    try {
      const settings = takeTurn(tenancy, options);
      const path = readPushPath(restOf(ctx, options));
      const { rules } = readIntent(
        ctx.req,
        { kind: 'group', segments: ['job', '-'] },
        {
          ...{ tenancy, settings, utf8Names },
        },
      );
      if (path.kind !== 'group' || rules.mode !== 'replace') throw noGroups();
      await ledger.deleteGroup(tenancy, groupingKey(path, { utf8Names }));
      writeAnswer(ctx, DELETED);
    } catch (error) {
      if (!(error instanceof PushRefusal)) throw error;
      writeAnswer(ctx, refusalAnswer('group', error));
    }
  };
}

function noGroups(): Problem {
  const detail =
    'only groups of replace mode are deleted by their path; what was added up is deleted by ' +
    'DELETE /metrics/<name>?<label>=<value>';
  return new Problem('method-not-allowed', detail, { headers: { Allow: 'POST, PUT' } });
}

/** `PUT /api/v1/admin/wipe`: everything of all tenants. */
export function wipe(options: PushOptions): Handler {
  const { ledger } = options.desk;
  return async (ctx) => {
    changerOf(ctx, options);
    await ledger.wipe();
    writeAnswer(ctx, DELETED);
  };
}
