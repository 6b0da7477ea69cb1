/**
 * What the CF API says of one app instance: who it is, by which routes it can be reached, which of
 * its ports are open, and which endpoints its developers declared.
 *
 * The CF API names no address that every promgate reaches, so a target is not yet a way to an
 * instance: the planner of the ways (`scrape.via`) computes one from it. All arrays are shared by
 * the targets of a process: compare them by reference.
 */
import type { AppIdentity } from './app-identity.ts';

/**
 * The state that the CF API gave. `UNKNOWN`: the API gives only the number of instances, and nobody
 * has asked for the process stats yet.
 */
export type TargetState = 'RUNNING' | 'STARTING' | 'STOPPING' | 'CRASHED' | 'DOWN' | 'UNKNOWN';

export interface TargetRoute {
  /** `host`, `host/path`, or `host:port` for TCP; no scheme. */
  readonly url: string;
  readonly host: string;
  /** '' or with a leading slash; gorouter sends only paths below this one to the app. */
  readonly path: string;
  /** The port of a TCP route; undefined for HTTP. */
  readonly port: number | undefined;
  readonly protocol: 'http' | 'tcp';
  /** A route of container-to-container networking, such as `host.apps.internal`. */
  readonly internal: boolean;
  /** The domain enforces route policies: the client shows an instance identity certificate. */
  readonly identityAware: boolean;
  /** The container port of the destination. */
  readonly appPort: number;
  readonly appProtocol: 'http1' | 'http2' | 'tcp';
  /**
   * The route leads to other process types of the app, too, which have the same indexes; an internal
   * route, to other apps.
   */
  readonly mixed?: boolean;
}

/** One container port of an instance, from the process stats; an unset port is undefined. */
export interface TargetPort {
  /** The port inside the container: what developers call the port of the app. */
  readonly appPort: number;
  /** The cell's plain port; closed in a standard cf-deployment. */
  readonly external: number | undefined;
  /** The cell's TLS proxy port, which demands gorouter's client certificate. */
  readonly externalTls: number | undefined;
  /** The container's TLS proxy port: 61001 and up, 61443 for container-to-container TLS. */
  readonly internalTls: number | undefined;
}

/** An endpoint that the app's annotations or a registration of the metric registrar declare. */
export interface DeclaredEndpoint {
  readonly from: 'annotation' | 'registrar';
  /** `https` only for `secure-endpoint://`; undefined: whatever the way uses. */
  readonly scheme: 'http' | 'https' | undefined;
  /** With a leading slash. Default: `/metrics`. */
  readonly path: string;
  /** The container port; undefined: the port of the route. */
  readonly port: number | undefined;
  /** The host of the route to use, in lower case, perhaps with `:port`; '': any route of the app. */
  readonly host: string;
}

export interface Target {
  readonly app: AppIdentity;
  readonly processId: string;
  readonly processType: string;
  readonly index: number;
  readonly state: TargetState;
  /** `process_instance_id`, which is also the name in the instance's certificates; '' if unknown. */
  readonly instanceId: string;
  /** The host of the cell; '' while the stats are unknown. */
  readonly cell: string;
  /** The container's own address; '' while the stats are unknown. */
  readonly containerIp: string;
  readonly isolationSegment: string;
  /** The routes whose destinations are this process, sorted by URL. */
  readonly routes: readonly TargetRoute[];
  /** Undefined while the stats are unknown: see `RouteSource.wantStats`. */
  readonly ports: readonly TargetPort[] | undefined;
  readonly declared: readonly DeclaredEndpoint[];
  /** The app has another process of this type: a rolling deployment, with overlapping indexes. */
  readonly rolling: boolean;
}

/** The top-level domain that RFC 2606 reserves, so that no dial of such an address ever succeeds. */
const NOWHERE = 'instance.invalid';
/** A port is part of the form of an address, and means nothing here. */
const NO_PORT = 443;

/**
 * The address under which the route table lists a target. No server has it: a scrape needs one of
 * the ways. It stays the same for an index of a process, whatever becomes known of the instance.
 */
export function targetAddress({ processId, index }: Pick<Target, 'processId' | 'index'>): string {
  return `${index}.${processId}.${NOWHERE}:${NO_PORT}`;
}

/** The route of targets whose app has none that gorouter serves. */
export function targetRoute({ processId }: Pick<Target, 'processId'>): string {
  return `${processId}.${NOWHERE}`;
}

/** Whether the endpoint's address is only a name, which nobody can dial. */
export function isPlaceless({ target }: { readonly target?: Target | undefined }): boolean {
  return target !== undefined;
}
