/**
 * A body that still comes from the origin, written to one reader at that reader's pace.
 */
import type { ServerResponse } from 'node:http';
import type { BodyReader } from '../refresh/shared-body.ts';

/** Writes the body to the end; a body that breaks off ends the reader's connection. */
export function pumpBody(body: BodyReader, response: ServerResponse): void {
  let waits = false;
  const pump = (): void => {
    while (!waits && !response.destroyed) {
      const chunk = body.next();
      if (chunk === undefined) break;
      waits = !response.write(chunk);
    }
    if (waits) return;
    if (body.state === 'ended') response.end();
    // The reader must see that the answer is not whole.
    else if (body.state === 'failed') response.destroy();
  };
  response.on('drain', () => {
    waits = false;
    pump();
  });
  body.onNews = pump;
  response.flushHeaders();
  pump();
}

/** Stays with a body that its reader does not get, as long as that lets it be stored. */
export function awaitBody(body: BodyReader): void {
  const look = (): void => {
    if (body.state !== 'coming' || !body.isKept) body.leave();
  };
  body.onNews = look;
  look();
}
