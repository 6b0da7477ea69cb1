/**
 * Looking single samples up in a page of text.
 */
export interface FoundSample {
  readonly labels: Readonly<Record<string, string>>;
  /** As written. */
  readonly value: string;
}

const LABEL = /([^={,]+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of `name` that carry all of `labels`, in the order of the page. */
export function samplesOf(
  page: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): FoundSample[] {
  const found: FoundSample[] = [];
  for (const line of page.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    const end = line.lastIndexOf('} ') + 1 || name.length;
    const own = Object.fromEntries(
      Array.from(line.slice(name.length, end).matchAll(LABEL), ([, label, text]) => [label, text]),
    );
    const fits = Object.entries(labels).every(([label, text]) => own[label] === text);
    if (fits) found.push({ labels: own, value: line.slice(end + 1) });
  }
  return found;
}
