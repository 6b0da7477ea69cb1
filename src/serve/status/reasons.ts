/**
 * The words for failures as sentences: what happened, and what to do about it.
 */
import type { Failure } from '../../fetch/failure.ts';

export interface Reason {
  readonly what: string;
  readonly remedy: string;
}

export const REASONS: Readonly<Record<Failure, Reason>> = {
  ambiguous: {
    what: 'Several instances claim this address, and no certificate decides, so promgate did not ask.',
    remedy: 'Wait for the next route listing. An operator can configure TLS to the instances.',
  },
  moved: {
    what: 'The instance left its address while the scrape waited for its turn.',
    remedy: 'Nothing to do: the next scrape asks the instance at its new address.',
  },
  refused: {
    what: 'Nothing listens at the address.',
    remedy: 'Check that the app runs and listens on $PORT. The route table may be a little old.',
  },
  unreachable: {
    what: 'No connection came about within 2 seconds.',
    remedy: 'Check the network and the security groups between promgate and the cells.',
  },
  'no-descriptors': {
    what: 'promgate had no file descriptor left for the connection.',
    remedy: 'An operator must raise the limit of open files of promgate.',
  },
  timeout: {
    what: 'The page was not complete before the deadline.',
    remedy: 'Make the metrics of the app faster, or raise scrape_timeout in Prometheus.',
  },
  'tls-identity': {
    what: 'The certificate at the address belongs to another instance.',
    remedy: 'Cloud Foundry gave the address away: wait for the next route listing.',
  },
  'tls-client': {
    what: "The other side refused promgate's client certificate, or demands one.",
    remedy:
      "An operator must set scrape.tls.cert and scrape.tls.key to gorouter's certificate for backends, or set scrape.router.",
  },
  tls: {
    what: 'The TLS handshake failed.',
    remedy: 'An operator must check scrape.tls.ca, and whether the port speaks TLS.',
  },
  redirect: {
    what: 'The app redirects to another address, or more than three times.',
    remedy: 'Name the final path of the metrics in the binding of the app.',
  },
  'status-4xx': {
    what: 'The app refused the request.',
    remedy:
      'Check the path of the metrics and the credential that the app expects; a binding can set both.',
  },
  'status-5xx': {
    what: 'The app failed while it wrote its metrics.',
    remedy: "Read the app's log at the time of the scrape.",
  },
  'status-other': {
    what: 'The app answered with a status that announces no page.',
    remedy: 'Let the metrics path answer with status 200.',
  },
  'not-http': {
    what: 'The answer is no HTTP response.',
    remedy: 'Check that the route of the app leads to the port that speaks HTTP.',
  },
  'too-large': {
    what: 'The page, or a part of it, exceeds a bound.',
    remedy: 'Expose fewer series, or ask an operator to raise scrape.max_body.',
  },
  truncated: {
    what: 'The connection ended before the page did.',
    remedy: "Read the app's log: the instance may have been stopped or have crashed.",
  },
  'over-budget': {
    what: 'promgate had no memory left for this page.',
    remedy: 'Scrape less at the same time. An operator can raise scrape.max_bytes.',
  },
  'not-metrics': {
    what: 'The answer is no page of metrics but, for instance, a login page.',
    remedy: 'Check the path of the metrics and the credential that the app expects.',
  },
  invalid: {
    what: 'The page has a line that Prometheus would refuse.',
    remedy: 'Correct the line in the app; a metrics library does so by itself.',
  },
  'unknown-route': {
    what: 'Gorouter knows no such route, or no such instance of it.',
    remedy:
      'Check that the route is mapped to the process. During a deploy the next scrape finds the new instance.',
  },
  'no-endpoints': {
    what: 'Gorouter has no instance for the route.',
    remedy: 'Check that the app runs.',
  },
  'endpoint-failure': {
    what: 'Gorouter could not reach the instance.',
    remedy:
      "Check that the app listens on its port, and read the log of the app for the router's error.",
  },
  'router-refused': {
    what: 'Gorouter refused the request itself, before it looked for an instance.',
    remedy: "An operator must look at the log of the router: it names the router's error.",
  },
  'route-policy': {
    what: 'No route policy of the identity-aware route lets promgate ask.',
    remedy: 'The owner of the route must run cf add-route-policy with promgate as --source-app.',
  },
  'route-path': {
    what: 'Not asked: the path is not below the path of any route of the app.',
    remedy: 'Ask for a path below the route, or map a route without a path.',
  },
  'port-unreachable': {
    what: "Not asked: no way leads to the container port of the app's metrics.",
    remedy:
      'Map a route of the app to this port, or an internal route with a network policy for this port. Promgate needs routes.cf_api to know the ports.',
  },
  'no-way': {
    what: 'Not asked: no way leads to the instance.',
    remedy:
      'An operator can set scrape.router, or map an internal route and run cf add-network-policy promgate APP --protocol tcp --port 8080.',
  },
  aborted: {
    what: 'The reader left before the page was complete.',
    remedy: 'Nothing to do.',
  },
};
