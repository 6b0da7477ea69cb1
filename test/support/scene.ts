/**
 * A simulated foundation that runs: apps, a gorouter that knows them, and promgate, as a process of
 * its own, in front of it.
 */
import { routesJson } from './foundation.ts';
import { type Gorouter, startGorouter } from './gorouter.ts';
import type { PromgateLimits } from './program.ts';
import { gorouterValues, type PromgateProcess, startPromgateProcess } from './promgate-process.ts';
import { type RunningApp, type RunningAppOptions, startApp } from './running-app.ts';
import type { Answer } from './simulated-server.ts';

/** What the instances of an app answer, and what else is to be said of it. */
export type SceneApp = Partial<RunningAppOptions> & {
  readonly answers: readonly (Answer | 'refuse')[];
};

export interface Scene<Name extends string> extends AsyncDisposable {
  readonly promgate: PromgateProcess;
  readonly gorouter: Gorouter;
  readonly apps: Readonly<Record<Name, RunningApp>>;
}

/**
 * Starts all; resolves when promgate is ready.
 *
 * @param apps - by a name of the test's, which is the app's name too if it has no other
 * @param values - values of the configuration; whole sections
 * @param limits - of the process that promgate is
 */
export async function startScene<Name extends string>(
  apps: Readonly<Record<Name, SceneApp>>,
  values: Readonly<Record<string, unknown>> = {},
  limits: PromgateLimits = {},
): Promise<Scene<Name>> {
  await using parts = new AsyncDisposableStack();
  const running: [string, RunningApp][] = [];
  for (const [name, { answers, ...app }] of Object.entries<SceneApp>(apps)) {
    running.push([name, parts.use(await startApp({ name, ...app }, answers))]);
  }
  const gorouter = parts.use(await startGorouter(routesJson(running.map(([, app]) => app))));
  const routes = { gorouter: [gorouterValues(gorouter)] };
  const promgate = parts.use(
    await startPromgateProcess({ values: { routes, ...values }, ...limits }),
  );
  const owned = parts.move();
  return {
    promgate,
    gorouter,
    apps: Object.fromEntries(running) as Record<Name, RunningApp>, // one for each name given
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
