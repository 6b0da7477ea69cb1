/**
 * Lists the pages to ask for when a reader wants an app's page: every page that the app's bindings
 * name, of every instance, and then the page of every external exporter, once per app.
 *
 * The merged page has the same order: instance by instance, and the pages of an instance in turn.
 */

import type { BoundApp, BoundPage } from '../../broker/known-bindings.ts';
import type { AppIdentity } from '../discover/app-identity.ts';
import type { Instance } from '../discover/instance.ts';
import { EndpointChoice } from '../fetch/endpoint-choice.ts';
import { type ExternalExporter, exporterTarget } from '../fetch/exporter.ts';
import { instanceTarget, type ScrapeTarget } from '../fetch/target.ts';
import type { Ways } from '../fetch/ways.ts';
import {
  appLabels,
  constantLabels,
  escapeLabelValue,
  type InsertedLabels,
  instanceLabels,
  pageLabels,
} from '../merge/labels.ts';
import { type PageRules, pageRules } from '../merge/page-rules.ts';
import type { PageOf } from '../merge/preparation.ts';
import { UNBOUND } from './app-settings.ts';

/**
 * `merged`: samples get the labels of their app and instance, and promgate reports of each instance.
 * `promregator`: samples stay as the instance wrote them, and the report has Promregator's names.
 */
export type PageStyle = 'merged' | 'promregator';

export interface PagesRequest {
  /** At least one. */
  readonly instances: readonly Instance[];
  readonly withExporters: boolean;
  /** The path, from `parseMetricPath`, of pages whose settings name no path. */
  readonly path: string;
  /**
   * Gives the settings of an app, and the same object until its bindings change. Default: no app
   * has bindings.
   */
  readonly settingsOf?: ((app: AppIdentity) => BoundApp) | undefined;
  /** Default: `merged`. */
  readonly style?: PageStyle | undefined;
  /** Decides which of an instance's endpoints to ask first. Default: the instance's own order. */
  readonly choice?: EndpointChoice | undefined;
  /** Finds the ways to an instance. Default: directly to its address. */
  readonly ways?: Ways | undefined;
}

/** One page to be fetched and merged. */
export interface AskedPage {
  readonly target: ScrapeTarget;
  readonly of: PageOf;
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The instance with all its endpoints: the same object for all pages of an instance. */
  readonly owner: Instance | undefined;
  /** The same page at the instance's other endpoints, which promgate asks if this one fails. */
  readonly elsewhere: readonly AskedPage[];
  /** The labels that the page's samples get. */
  readonly labels: InsertedLabels;
  readonly rules: PageRules | undefined;
  /** The labels of promgate's own series about the page. */
  readonly reported: InsertedLabels;
  /** Further labels of these series, encoded, if the instance has several pages; else ''. */
  readonly reportedPage: string;
}

const unbound = (): BoundApp => UNBOUND;
const IN_ORDER = new EndpointChoice();

export function pagesToAsk(
  exporters: readonly ExternalExporter[],
  {
    instances,
    withExporters,
    path,
    style = 'merged',
    settingsOf = unbound,
    choice = IN_ORDER,
    ways,
  }: PagesRequest,
): AskedPage[] {
  const asked: AskedPage[] = [];
  for (const instance of instances) {
    const { pages } = settingsOf(instance.app);
    for (const page of pages)
      asked.push(askedPage(instance, page, { path, pages, style, choice, ways }));
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
  /** The path that the reader asks for. */
  readonly path: string;
  /** All pages of the instance. */
  readonly pages: readonly BoundPage[];
  readonly style: PageStyle;
  readonly choice: EndpointChoice;
  readonly ways: Ways | undefined;
}

function askedPage(owner: Instance, page: BoundPage, context: PageContext): AskedPage {
  const { choice, ways } = context;
  const endpoints = choice.inOrder(owner, page.path ?? context.path);
  const pages = endpoints.flatMap((one) => {
    const direct = endpointPage(one, owner, { page, ...context });
    const targets = ways?.targets(one, direct.target, page) ?? [direct.target];
    return targets.map((target) => (target === direct.target ? direct : { ...direct, target }));
  });
  const [asked, ...elsewhere] = pages;
  return elsewhere.length === 0 ? asked! : { ...asked!, elsewhere }; // there is at least one
}

function endpointPage(
  instance: Instance,
  owner: Instance,
  { page, path, pages, style }: PageContext & { readonly page: BoundPage },
): AskedPage {
  const { headers, timeoutMs } = page;
  const several = pages.length > 1;
  const rules = several || isSpecial(page) ? rulesOf(page) : undefined;
  const own = instanceLabels(instance);
  return {
    target: instanceTarget(instance, page.path ?? path, {
      ...{ headers, timeoutMs, oneOfSeveral: several },
    }),
    of: style === 'merged' ? 'instance' : 'unlabelled',
    app: instance.app,
    instance,
    owner,
    elsewhere: NOWHERE,
    labels: labelsOf(instance, rules, style),
    rules,
    reported: own,
    reportedPage: several ? pageLabel(page, path, pages) : '',
  };
}

function labelsOf(
  instance: Instance,
  rules: PageRules | undefined,
  style: PageStyle,
): InsertedLabels {
  if (style === 'promregator') return constantLabels(rules?.constants);
  return rules === undefined ? instanceLabels(instance) : pageLabels(instance, rules.constants);
}

/** The label `path`, and the page's position if another page has the same path. */
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
    of: 'exporter',
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

/** Pages of one kind must share their rules: the merge caches layouts and labels by this object. */
const ofSettings = new WeakMap<BoundPage, PageRules>();

function rulesOf(page: BoundPage): PageRules {
  let rules = ofSettings.get(page);
  if (rules === undefined) {
    rules = pageRules(page);
    ofSettings.set(page, rules);
  }
  return rules;
}
