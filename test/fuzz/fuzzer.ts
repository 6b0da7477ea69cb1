/**
 * What a fuzzer is: rounds of mutated inputs, and what was found wrong in them.
 */
import type { Chance } from './chance.ts';

/** An input after which something was wrong. */
export interface Finding {
  readonly what: string;
  readonly input: Buffer;
}

/** What came of one input: shows that the inputs are neither all good nor all bad. */
export interface Outcome {
  readonly word: string;
  readonly input: Buffer;
}

export interface Round {
  readonly inputs: number;
  /** Each is a fault of promgate. */
  readonly findings: readonly Finding[];
  readonly outcomes: readonly Outcome[];
}

export interface Fuzzer {
  /** @param scale - how many inputs: 1 is a full round */
  round(chance: Chance, scale: number): Promise<Round>;
}
