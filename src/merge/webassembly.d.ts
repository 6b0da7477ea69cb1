/** What of WebAssembly is used here; TypeScript declares it with the whole of a browser only. */
declare namespace WebAssembly {
  class Module {
    constructor(source: Uint8Array);
  }

  class Instance {
    readonly exports: unknown;
    constructor(module: Module);
  }

  class Memory {
    readonly buffer: ArrayBuffer;
  }
}
