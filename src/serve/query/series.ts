/**
 * `/api/v1/series`, `/labels` and `/label/<name>/values`: which series there are.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#querying-metadata
 */
import { joinLabelNames, joinLabelValues, joinSeries } from '../../query/answers/series.ts';
import type { ApiCall, GroupAnswers } from '../../query/federation.ts';
import { QueryError } from '../query-errors.ts';
import type { Handler } from '../request.ts';
import { type Answer, joinedList, listPieces } from './answer.ts';
import {
  type Asking,
  cut,
  type FederatedOptions,
  federated,
  inTurns,
  limited,
  remarksOf,
  selectorsOf,
  timesOf,
} from './federated.ts';
import { readLabelName, writeLabelName } from './label-name.ts';
import { limitOf } from './parameters.ts';

export function series(options: FederatedOptions): Handler {
  return federated(options, 'series', async ({ parameters, ask }) => {
    if (!parameters.has('match[]')) {
      throw new QueryError('bad_data', 'no match[] parameter provided');
    }
    const limit = limitOf(parameters);
    const matchers = selectorsOf(parameters);
    const times = timesOf(parameters);
    const found = await ask({ path: 'series', matchers, ...times, parameters: limited(limit) });
    const all = await inTurns(joinSeries(found.answers));
    const { items, remarks } = cut(all, limit, remarksOf(found));
    return { ...remarks, data: joinedList(items) };
  });
}

export function labels(options: FederatedOptions): Handler {
  return federated(options, 'labels', async ({ parameters, ask }) => {
    const limit = limitOf(parameters);
    const matchers = selectorsOf(parameters);
    const times = timesOf(parameters);
    const found = await ask({ path: 'labels', matchers, ...times, parameters: limited(limit) });
    const names = await inTurns(joinLabelNames(found.answers));
    return listAnswer(names, limit, [found]);
  });
}

const VALUES = /^\/api\/v1\/label\/([^/]*)\/values$/;

export function labelValues(options: FederatedOptions): Handler {
  return federated(options, 'label_values', async (asking) => {
    const { parameters, ctx } = asking;
    const label = readLabelName(VALUES.exec(ctx.state.target.path)?.[1] ?? '');
    const limit = limitOf(parameters);
    const addsLabel = options
      .federation()
      .groups()
      .some((group) => Object.hasOwn(group.labels, label));
    const [values, names] = await Promise.all([
      askFor(asking, {
        ...{ path: `label/${writeLabelName(label)}/values`, label, parameters: limited(limit) },
      }),
      addsLabel ? askFor(asking, { path: 'labels' }) : NOBODY,
    ]);
    const all = await inTurns(joinLabelValues(label, values.answers, names.answers));
    return listAnswer(all, limit, [values]);
  });
}

const NOBODY: GroupAnswers = { answers: [], warnings: [] };

function askFor(
  { parameters, ask }: Asking,
  call: Pick<ApiCall, 'path'> & Partial<ApiCall>,
): Promise<GroupAnswers> {
  return ask({ ...call, matchers: selectorsOf(parameters), ...timesOf(parameters) });
}

function listAnswer(
  all: readonly string[],
  limit: number,
  [found = NOBODY]: readonly GroupAnswers[],
): Answer {
  const { items, remarks } = cut(all, limit, remarksOf(found));
  return { ...remarks, data: listPieces(items) };
}
