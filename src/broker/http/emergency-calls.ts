/**
 * Which calls of the API are about emergency access: they alone may go on while the identity provider is down.
 * @module
 */
import type { RequestBody } from '../../wire/bodies.ts';
import type { Broker } from '../service/broker.ts';
import type { EmergencyCall } from '../sessions/unconfirmed.ts';
import { grantIdOf, requestIdOf } from './ids.ts';
import type { Asking } from './routes.ts';

/** A new request: an emergency one names its incident. */
export async function asksInEmergency({ body }: Asking<RequestBody>): Promise<EmergencyCall | null> {
  return body.incident === undefined ? null : { request: null, grant: null };
}

/** About the request of the path. Throws `ERR_NOT_FOUND` for one that is none of the caller's business. */
export function requestedInEmergency(
  broker: Pick<Broker, 'request'>,
): (call: Asking<unknown>) => Promise<EmergencyCall | null> {
  return async (call) => {
    const id = requestIdOf(call);
    const { request } = await broker.request(call.principal, id, null);
    return request.incident === null ? null : { request: id, grant: null };
  };
}

/** About the grant of the path. Throws as above. */
export function grantedInEmergency(
  broker: Pick<Broker, 'grant'>,
): (call: Asking<unknown>) => Promise<EmergencyCall | null> {
  return async (call) => {
    const id = grantIdOf(call);
    const { request } = await broker.grant(call.principal, id, null);
    return request.incident === null ? null : { request: null, grant: id };
  };
}
