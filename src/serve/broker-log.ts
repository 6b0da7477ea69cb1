/** What is told of calls of the broker: one line each, and of a guesser's only some. */
import type { BrokerCall } from '../../broker/api.ts';
import type { Log } from '../telemetry/log.ts';
import { FREE_TRIES } from './guesses.ts';

/** Past `FREE_TRIES` wrong passwords of an address in a minute, only each hundredth is logged. */
const TOLD_TRIES = 100;

export function logCall(log: Log, call: BrokerCall): void {
  const { operation, status, account, error, wrongTry } = call;
  const fields = {
    ...{ operation, status, account, user_id: call.userId },
    request_identity: call.requestIdentity,
    ...{ service_instance: call.instanceId, service_binding: call.bindingId },
    ...(wrongTry && { address: wrongTry.address, in_this_minute: wrongTry.count }),
  };
  if (status >= 500) log.error('the broker could not answer', { ...fields, err: error });
  else if (error === undefined) log.info('the broker was called', fields);
  else if (isTold(call)) {
    const { reason, message: description } = error; // the caller's fault: no stack leads to it
    log.info('the broker was called', { ...fields, reason, description });
  }
}

function isTold({ wrongTry }: BrokerCall): boolean {
  if (wrongTry === undefined || wrongTry.count <= FREE_TRIES) return true;
  return wrongTry.count % TOLD_TRIES === 0;
}
