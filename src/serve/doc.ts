/**
 * `GET /doc`: a short page that lists the paths; the catalog of the broker links to it.
 *
 * The page needs no credential. So it is the same for every reader, and names no apps.
 */
import type { Handler } from './request.ts';

/** The paths that readers use, and what promgate answers there. */
const PATHS: readonly (readonly [path: string, answer: string])[] = [
  ['/v1/apps/<guid>/metrics', 'The metrics of all instances of an app as one page.'],
  ['/v1/apps/<org>/<space>/<app>/metrics', 'The same, by name.'],
  ['/v1/apps/metrics?route_url=<route>', 'The same, by route.'],
  ['/v1/apps/<guid>/instances/<id or index>/metrics', 'The metrics of one instance.'],
  ['/v1/apps/<…>/only-app-metrics', 'The metrics of an app without those of external exporters.'],
  ['/v2/apps/<…>', 'As /v1, but always in the text format.'],
  ['/sd/apps', 'The apps as targets for http_sd_configs; ?per=instance lists their instances.'],
  ['/routes', "The route table, in gorouter's JSON."],
  ['/metrics', "promgate's own metrics: for operators."],
  ['/metrics?endpoint=<URL>', 'The page of another exporter, kept warm: for operators.'],
  [
    '/push/metrics',
    'What tasks and batch jobs have pushed, where there is a push gateway; POST adds.',
  ],
  ['/push/metrics/job/<job>', 'PUT, POST and DELETE replace a group, as in Pushgateway.'],
  ['/push/metrics/<name>?<label>=<value>', 'PATCH adds 1 to a counter.'],
  ['/broker/v2/catalog', 'The service broker, where there is one: for the platform.'],
  ['/healthz', 'Whether promgate runs.'],
  ['/readyz', 'Whether requests should be sent here.'],
];

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>promgate</title></head>
<body>
<h1>promgate</h1>
<p>promgate serves the Prometheus metrics of apps on Cloud Foundry.</p>
<dl>
${PATHS.map(([path, answer]) => `<dt><code>${escapeHtml(path)}</code></dt><dd>${escapeHtml(answer)}</dd>`).join('\n')}
</dl>
<p>Bind an app to say where its metrics are. A binding of the plan <code>push</code>, where there is one,
gives a URL, a token and an example to push metrics with. The token of a binding, or of a service key, is sent as
<code>Authorization: Bearer</code>, never in a path or query.</p>
</body>
</html>
`;

export const doc: Handler = (ctx) => {
  ctx.set({
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'public, max-age=3600',
  });
  ctx.body = PAGE;
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
