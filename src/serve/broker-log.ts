/** Logs calls of the broker: one line each, but only some of the calls with guessed passwords. */
import type { BrokerCall } from '../../broker/api.ts';
import type { Log } from '../telemetry/log.ts';
import { FREE_TRIES } from './guesses.ts';

/** After `FREE_TRIES` wrong passwords of an address in a minute, only every hundredth is logged. */
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
    const { reason, message: description } = error; // the caller's fault, so a stack would not help
    log.info('the broker was called', { ...fields, reason, description });
  }
}

function isTold({ wrongTry }: BrokerCall): boolean {
  if (wrongTry === undefined || wrongTry.count <= FREE_TRIES) return true;
  return wrongTry.count % TOLD_TRIES === 0;
}
