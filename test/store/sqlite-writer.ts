/** A process that puts bindings into a SQLite file until it is killed, and prints each once it is put. */
import { writeSync } from 'node:fs';
import { bindingOf, instanceOf } from './bindings.ts';
import { openStore } from './open-store.ts';

await using store = await openStore({ url: process.argv[2] ?? '' });
await store.putInstance(instanceOf('i'));
for (let count = 0; ; count++) {
  const put = await store.putBinding(bindingOf('i', `${process.pid} ${count}`));
  if (put?.created) writeSync(1, `${put.binding.id}\n`);
}
