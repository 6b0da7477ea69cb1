/**
 * The commands with which an app pushes a metric, to paste into a shell script.
 *
 * The value is the total of the instance or task that pushes: promgate knows it by `X-Push-Source`,
 * and adds only what has grown. So a push that is repeated, by `--retry` too, is not counted twice.
 */

/** @param url - the URL of the push gateway; its host may be whatever the platform's request named */
export function pushSnippet(url: string, token: string): string {
  return `curl -sS --fail-with-body --retry 5 \\
  -H ${quoted(`Authorization: Bearer ${token}`)} \\
  -H "X-Push-Source: $CF_INSTANCE_GUID" \\
  --data-binary @- ${quoted(`${url}/metrics`)} <<'METRICS'
# TYPE my_jobs_total counter
my_jobs_total{result="ok"} 1
METRICS
`;
}

/** A text as one word of a POSIX shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
