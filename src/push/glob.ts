/**
 * Patterns of the configuration, in which `*` stands for any characters.
 *
 * The first place where a part between two stars fits is as good as any later place, so a match never
 * goes back, and takes time in proportion to the length of the text.
 */

/** Whether the whole text matches. */
export type Glob = (text: string) => boolean;

export function toGlob(pattern: string): Glob {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return (text) => text === pattern;
  return (text) => {
    if (text.length < first.length + last.length) return false;
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const part of others) {
      at = text.indexOf(part, at);
      if (at < 0 || at + part.length > end) return false;
      at += part.length;
    }
    return true;
  };
}
