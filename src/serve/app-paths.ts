/**
 * The paths of the pages of apps.
 */
import type { Instance } from '../discover/instance.ts';

/** The paths of merged pages: `…/<app>/metrics` or `…/<app>/only-app-metrics`; `<app>` is optional. */
export const APPS_PATH = /^\/v[12]\/apps\/(?:.*\/)?(?:only-app-)?metrics$/s;
/** The path of one instance: `/v1/apps/<guid>/instances/<id or index>/metrics`. */
export const INSTANCE_PATH =
  /^\/v[12]\/apps\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/instances\/([^/]+)\/metrics$/i;

/** A path segment that no client or proxy changes: it needs no escapes, and is not `.` or `..`. */
const PLAIN = /^[\w~-][\w.~-]*$/;

/** The path of an instance, by its id, else by its index; undefined if no path can name it. */
export function instancePath({ app, index, processInstanceId }: Instance): string | undefined {
  const id = [processInstanceId, index].find((name) => PLAIN.test(name));
  const path = `/v1/apps/${app.appId}/instances/${id}/metrics`;
  return id !== undefined && INSTANCE_PATH.test(path) ? path : undefined;
}
