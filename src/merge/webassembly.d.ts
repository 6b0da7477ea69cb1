/** The parts of WebAssembly in use; TypeScript declares WebAssembly only together with the DOM. */
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
