/** Runs `task` for all items, one after the other. @throws the first failure, at the end */
export async function forEach<T>(
  items: Iterable<T>,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) await task(item).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
