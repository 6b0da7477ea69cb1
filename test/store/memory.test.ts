/** The contract, in memory. */
import { MemoryBindingStore } from '../support/memory-store.ts';
import { itIsABindingStore } from './binding-store.contract.ts';

describe('MemoryBindingStore', () => {
  itIsABindingStore(async () => {
    let store: MemoryBindingStore | undefined;
    return {
      async open(options) {
        store ??= new MemoryBindingStore(options); // its replicas are one
        return store;
      },
      async [Symbol.asyncDispose]() {
        await store?.[Symbol.asyncDispose]();
      },
    };
  });
});
