/**
 * Answers to pushes as they go out: head and body in one buffer, made anew each second for `Date`. Node
 * would build and check a head for each.
 */
import type { PushAnswer } from './push-answers.ts';

const MAX_HEADS = 16;

export class PushHeads {
  readonly #bytes = new Map<PushAnswer, Buffer>();
  #second = 0;

  /** @returns undefined for an answer that is not one of a few */
  join(answer: PushAnswer, durability: string): Buffer | undefined {
    const nowMs = Date.now();
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) this.#bytes.clear();
    this.#second = second;
    const known = this.#bytes.get(answer);
    if (known) return known;
    if (this.#bytes.size >= MAX_HEADS || answer.status >= 300) return undefined;
    const fields = Object.entries({
      ...answer.headers,
      'X-Durability': durability,
      Date: new Date(nowMs).toUTCString(),
      'Content-Length': String(answer.body.length),
    });
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const status = `HTTP/1.1 ${answer.status} ${answer.status === 200 ? 'OK' : 'Accepted'}\r\n`;
    const bytes = Buffer.concat([Buffer.from(`${status}${head}\r\n`, 'latin1'), answer.body]);
    this.#bytes.set(answer, bytes);
    return bytes;
  }
}
