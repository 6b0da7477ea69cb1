/** The merge's kernel, as `kernel.ts` in the folder above loads it. */

export { insert } from './insert';
export { addComment, addName, forget, setSeed } from './known';
export * from './memory';
export { scan } from './scan';
export { labelHash, nameHash, seedSeries } from './series';
