/**
 * Where a file of the documentation is served.
 */

/** The page that lists the others. */
export const INDEX = 'README.md';

export function docPath(file: string): string {
  return file === INDEX ? '/doc' : `/doc/${file.replace(/\.md$/, '')}`;
}
