/**
 * Ports that promgate never asks for a page: a request to them could be read as a command.
 *
 * @see https://fetch.spec.whatwg.org/#port-blocking
 */

/** Ports that the Fetch standard blocks. */
const BLOCKED_BY_BROWSERS = [
  ...[0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95],
  ...[101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179],
  ...[389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601],
  ...[636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566],
  ...[6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080],
];

/** Databases, caches, queues, and the remote control of machines. */
const DATA_STORES = [
  ...[1433, 1434, 1521, 2375, 2376, 3306, 33_060, 3389, 5432, 5433, 5672, 5984, 6379, 6380, 6432],
  ...[7687, 9042, 9092, 9160, 9200, 9300, 11_211, 11_214, 16_379, 26_257, 26_379, 27_017, 27_018],
  ...[27_019, 28_015, 29_015],
];

const blocked: ReadonlySet<number> = new Set([...BLOCKED_BY_BROWSERS, ...DATA_STORES]);

export function isBlockedPort(port: number): boolean {
  return blocked.has(port);
}
