import { MemoryBatches } from '../../../src/push/send/remote-write-memory.ts';
import { batchStoreContract } from './batch-store.contract.ts';

describe('batches of remote write in memory', () => {
  batchStoreContract(async () => new MemoryBatches());
});
