/**
 * The connections to one target, straight or through a proxy.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';
import type { TargetSettings } from './http.ts';
import { isExcepted } from './proxy-exceptions.ts';
import type { TlsMaterial } from './trust.ts';

const require = createRequire(import.meta.url);
/** Loads undici with the first target, since its files take a seventh of promgate's start. */
const undici = (): typeof import('undici') => require('undici');

const MAX_HEADER_BYTES = 32_768;
const MAX_REDIRECTIONS = 5;

/** The connections to a target. */
export interface Connections {
  readonly dispatcher: Dispatcher;
  /** Waits for the requests under way. */
  readonly close: () => Promise<void>;
  /** Gives them up. */
  readonly destroy: () => Promise<void>;
}

export function openConnections(settings: TargetSettings, tls: TlsMaterial): Connections {
  const { url, proxy, followsRedirects } = settings;
  const { Agent, ProxyAgent, interceptors } = undici();
  const options = {
    connections: settings.maxConnections,
    pipelining: 1,
    keepAliveTimeout: settings.idleTimeoutMs,
    keepAliveMaxTimeout: settings.idleTimeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    allowH2: false,
    connect: connector(settings.dialTimeoutMs, tls),
  };
  const isProxied = proxy !== undefined && !isExcepted(url, proxy.exceptFor);
  const agent = isProxied
    ? new ProxyAgent({
        ...options,
        uri: withoutUser(proxy.url),
        requestTls: { timeout: settings.dialTimeoutMs, ...tls },
        headers: { ...proxy.connectHeaders },
        ...(proxy.url.username && { token: basicOf(proxy.url) }),
      })
    : new Agent(options);
  const dispatcher = followsRedirects
    ? agent.compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTIONS }))
    : agent;
  return { dispatcher, close: () => agent.close(), destroy: () => agent.destroy() };
}

function withoutUser(url: URL): string {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain.href;
}

function basicOf({ username, password }: URL): string {
  const pair = [username, password].map(decodeURIComponent).join(':');
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** No connection, with TLS if the target has it, in the time for one. */
class DialTimeout extends Error {
  override readonly name = 'DialTimeout';
  readonly code = 'UND_ERR_CONNECT_TIMEOUT';

  constructor(timeoutMs: number) {
    super(`no connection within ${timeoutMs} ms`);
  }
}

/** Connects within an exact time: undici's own timer ticks every half second. */
function connector(timeoutMs: number, tls: TlsMaterial): buildConnector.connector {
  const open = undici().buildConnector({ ...tls, timeout: 0, allowH2: false });
  return (options, callback) => {
    const done: buildConnector.Callback = (...result) => {
      clearTimeout(timer);
      callback(...result);
    };
    const socket = open(options, done) as unknown as Socket; // the types do not tell
    const timer = setTimeout(() => socket.destroy(new DialTimeout(timeoutMs)), timeoutMs);
  };
}
