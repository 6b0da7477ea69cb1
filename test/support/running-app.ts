/**
 * A simulated app whose instances listen, ready to be put into a gorouter's table.
 */
import { startAppInstances } from './app-instances.ts';
import { appGuid, type SimulatedApp } from './foundation.ts';
import type { Answer, ServerOptions, SimulatedServer } from './simulated-server.ts';

export interface RunningApp extends SimulatedApp, AsyncDisposable {
  readonly guid: string;
  /** `/v1/apps/<org>/<space>/<app>/metrics` */
  readonly path: string;
  readonly instances: readonly SimulatedServer[];
}

/** What differs from app to app; default: organization `sys`, space `tools`. */
export interface RunningAppOptions
  extends Partial<Omit<SimulatedApp, 'addresses' | 'tls'>>,
    Pick<ServerOptions, 'tls'> {
  readonly name: string;
}

/** Starts one instance per answer. */
export async function startApp(
  { tls, organization = 'sys', space = 'tools', ...rest }: RunningAppOptions,
  answers: readonly (Answer | 'refuse')[],
): Promise<RunningApp> {
  const { instances, addresses, ...started } = await startAppInstances(answers, tls ? { tls } : {});
  const app = { ...rest, organization, space, addresses, tls: tls !== undefined };
  return {
    ...app,
    guid: appGuid(app),
    path: `/v1/apps/${organization}/${space}/${app.name}/metrics`,
    instances,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
