import { placeOf } from './position.ts';
import type { Span } from './tree.ts';

/** One fault of a query. */
export interface Fault {
  readonly text: string;
  readonly span: Span;
}

/**
 * A text is no valid PromQL. The message names the first fault, as Prometheus writes it:
 * `1:5: parse error: unexpected end of input`.
 */
export class ParseError extends Error {
  override readonly name = 'ParseError';
  /** All faults, in the order in which the parser found them. */
  readonly faults: readonly Fault[];

  /** @param faults - at least one */
  constructor(query: string, faults: readonly Fault[]) {
    super(messageOf(query, faults[0]));
    this.faults = faults;
  }
}

function messageOf(query: string, fault: Fault | undefined): string {
  if (fault === undefined) return 'unexpected error';
  return `${placeOf(query, fault.span.start)}: parse error: ${fault.text}`;
}
