/**
 * The families that the kernel's codes stand for in one merge. A code is twice the place of a name in
 * the vocabulary: of the family's, or of the sample's, plus 1 if the family is that without its suffix.
 */
import type { FamilyResolver } from './resolver.ts';
import { vocabulary } from './vocabulary.ts';

export class CodedFamilies {
  readonly #vocabulary = vocabulary();
  readonly #resolver: FamilyResolver;
  readonly #families = new Map<number, number>();
  #generation = 0;

  constructor(resolver: FamilyResolver) {
    this.#resolver = resolver;
  }

  /** The family, or below 0 if the samples are not kept (`resolver.ts`). */
  of(code: number): number {
    if (this.#generation !== this.#vocabulary.generation) {
      this.clear();
      this.#generation = this.#vocabulary.generation;
    }
    let family = this.#families.get(code);
    if (family === undefined) {
      family = this.#resolver.familyFor(this.#vocabulary.nameAt(code >> 1), (code & 1) === 1);
      this.#families.set(code, family);
    }
    return family;
  }

  /** Forgets all, when families were removed from the merge's table. */
  clear(): void {
    this.#families.clear();
  }
}
