/** The credentials that a binding gives to an app or to the holder of a service key. */
import type { Binding } from './binding-store.ts';
import type { GivenParameters } from './parameters-schema.ts';
import { isOfPushPlan } from './push-place.ts';
import { pushSnippet } from './push-snippet.ts';
import { scrapeConfig } from './scrape-config.ts';

export type Credentials = ReadCredentials | PushCredentials;

interface ReadCredentials {
  /** For an app its merged page; for a service key the service discovery of its space. */
  readonly url: string;
  /** The first path that promgate asks on the instances. */
  readonly endpoint: string;
  readonly token: string;
  /** YAML: see `scrape-config.ts`. */
  readonly scrape_config: string;
}

interface PushCredentials {
  /** The URL of the push gateway; a push goes to `<url>/metrics`. */
  readonly url: string;
  readonly token: string;
  /** Commands for a shell: see `push-snippet.ts`. */
  readonly snippet: string;
}

/** @param baseUrl - the URL of promgate, without a trailing `/` */
export function bindingCredentials(binding: Binding, token: string, baseUrl: string): Credentials {
  const { id, appId } = binding;
  if (isOfPushPlan(binding)) {
    const url = `${baseUrl}/push`;
    return { url, token, snippet: pushSnippet(url, token) };
  }
  const { endpoint, endpoints }: GivenParameters = JSON.parse(binding.parameters);
  return {
    url:
      appId === undefined
        ? `${baseUrl}/sd/apps`
        : `${baseUrl}/v1/apps/${encodeURIComponent(appId)}/metrics`,
    endpoint: endpoint ?? endpoints?.[0]?.path ?? '/metrics',
    token,
    scrape_config: scrapeConfig({ bindingId: id, baseUrl, token }),
  };
}
