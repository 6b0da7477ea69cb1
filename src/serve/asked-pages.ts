/**
 * Whom a request for an app's page asks: every instance for every page that its app's bindings
 * name, then every external exporter, once per app.
 *
 * The order is that of the merged page: instance by instance, and of an instance page by page.
 */

import type { BoundApp, BoundPage } from '../../broker/known-bindings.ts';
import type { AppIdentity, Instance } from '../discover/instance.ts';
import { EndpointChoice } from '../fetch/endpoint-choice.ts';
import { type ExternalExporter, exporterTarget } from '../fetch/exporter.ts';
import { instanceTarget, type ScrapeTarget } from '../fetch/target.ts';
import {
  appLabels,
  escapeLabelValue,
  type InsertedLabels,
  instanceLabels,
  pageLabels,
} from '../merge/labels.ts';
import { type PageRules, pageRules } from '../merge/page-rules.ts';
import { UNBOUND } from './app-settings.ts';

export interface PagesRequest {
  /** At least one. */
  readonly instances: readonly Instance[];
  readonly withExporters: boolean;
  /** As `parseMetricPath` gives it: of pages whose settings name none. */
  readonly path: string;
  /**
   * What an app's bindings say; it gives the same object while they stay the same. Default: no app
   * has any.
   */
  readonly settingsOf?: ((app: AppIdentity) => BoundApp) | undefined;
  /** Which endpoint of an instance with several comes first. Default: in the order given. */
  readonly choice?: EndpointChoice | undefined;
}

/** One page to be fetched and merged. */
export interface AskedPage {
  readonly target: ScrapeTarget;
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The instance with all its endpoints: pages with the same one are of the same instance. */
  readonly owner: Instance | undefined;
  /** The same page at the instance's other endpoints, to be asked when this one fails. */
  readonly elsewhere: readonly AskedPage[];
  /** The labels that its samples get. */
  readonly labels: InsertedLabels;
  readonly rules: PageRules | undefined;
  /** The labels that its report gets, and behind them those that tell it from the instance's others. */
  readonly reported: InsertedLabels;
  readonly reportedPage: string;
}

const unbound = (): BoundApp => UNBOUND;
const IN_ORDER = new EndpointChoice();

export function pagesToAsk(
  exporters: readonly ExternalExporter[],
  { instances, withExporters, path, settingsOf = unbound, choice = IN_ORDER }: PagesRequest,
): AskedPage[] {
  const asked: AskedPage[] = [];
  for (const instance of instances) {
    const { pages } = settingsOf(instance.app);
    for (const page of pages) asked.push(askedPage(instance, page, { path, pages, choice }));
  }
  if (!withExporters) return asked;
  const apps = new Map(instances.map((instance) => [instance.app.appId, instance]));
  for (const instance of apps.values()) {
    for (const exporter of exporters) asked.push(askedExporter(exporter, instance));
  }
  return asked;
}

const NOWHERE: readonly AskedPage[] = [];

interface PageContext {
  /** The reader's. */
  readonly path: string;
  /** All pages of the instance. */
  readonly pages: readonly BoundPage[];
  readonly choice: EndpointChoice;
}

function askedPage(owner: Instance, page: BoundPage, context: PageContext): AskedPage {
  const [first, ...others] = context.choice.inOrder(owner, page.path ?? context.path);
  const asked = endpointPage(first!, owner, { page, ...context }); // one at least
  if (others.length === 0) return asked;
  const elsewhere = others.map((one) => endpointPage(one, owner, { page, ...context }));
  return { ...asked, elsewhere };
}

function endpointPage(
  instance: Instance,
  owner: Instance,
  { page, path, pages }: PageContext & { readonly page: BoundPage },
): AskedPage {
  const { headers, timeoutMs } = page;
  const several = pages.length > 1;
  const rules = several || isSpecial(page) ? rulesOf(page) : undefined;
  const own = instanceLabels(instance);
  return {
    target: instanceTarget(instance, page.path ?? path, {
      ...{ headers, timeoutMs, oneOfSeveral: several },
    }),
    app: instance.app,
    instance,
    owner,
    elsewhere: NOWHERE,
    labels: rules === undefined ? own : pageLabels(instance, rules.constants),
    rules,
    reported: own,
    reportedPage: several ? pageLabel(page, path, pages) : '',
  };
}

/** The path; where another page has the same one, with other headers say, its place too. */
function pageLabel(page: BoundPage, path: string, pages: readonly BoundPage[]): string {
  const own = page.path ?? path;
  const alike = pages.filter((one) => (one.path ?? path) === own).length;
  const place = alike > 1 ? `,page="${pages.indexOf(page)}"` : '';
  return `path="${escapeLabelValue(own)}"${place}`;
}

function askedExporter(exporter: ExternalExporter, instance: Instance): AskedPage {
  const labels = appLabels(instance.app);
  return {
    target: exporterTarget(exporter, instance),
    app: instance.app,
    instance: undefined,
    owner: undefined,
    elsewhere: NOWHERE,
    labels,
    rules: undefined,
    reported: labels,
    reportedPage: '',
  };
}

function isSpecial({ labels, allow, deny }: BoundPage): boolean {
  return labels.length > 0 || allow.length > 0 || deny.length > 0;
}

/** Settings stay the same objects while the bindings do: so do rules, and the labels made of them. */
const ofSettings = new WeakMap<BoundPage, PageRules>();

function rulesOf(page: BoundPage): PageRules {
  let rules = ofSettings.get(page);
  if (rules === undefined) {
    rules = pageRules(page);
    ofSettings.set(page, rules);
  }
  return rules;
}
