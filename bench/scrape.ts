/** One scrape by a reader that discards the page. */
import { type Agent, request } from 'undici';

/** Reads the page to its end. */
export async function scrape(
  url: string,
  dispatcher: Agent,
): Promise<{ readonly tookMs: number; readonly bytes: number }> {
  const startedMs = performance.now();
  const { statusCode, body } = await request(url, { dispatcher });
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${await body.text()}`);
  let bytes = 0;
  for await (const part of body) bytes += (part as Buffer).length;
  return { tookMs: performance.now() - startedMs, bytes };
}
