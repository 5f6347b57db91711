/**
 * Reads the keeper's answers by hand: a schema library would cost more than the whole conversation.
 * @module
 */
import { isGrantId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import { type Answer, asMembers, fault } from './converse.ts';
import { type About, DELIVERIES, type Endpoint, type HandedOut, type HeldGrant } from './protocol.ts';

/** Throws `ERR_KEEPER` for what is neither an endpoint nor null. */
export function readEndpoint(value: unknown): Endpoint | null {
  if (value === null || value === undefined) return null;
  const members = membersOf(value);
  return { url: text(members, 'url'), tokenFile: text(members, 'tokenFile') };
}

/** Throws `ERR_KEEPER` for an answer without a credential. */
export function readHandedOut(answer: Answer): HandedOut {
  return { output: text(answer, 'output'), notAfter: number(answer, 'notAfter') };
}

/** The secret in the answer to `secret-get`, null for none. Throws `ERR_KEEPER` for anything else. */
export function readSecret(answer: Answer): Secret<string> | null {
  const encoded = textOrNull(answer, 'secret');
  return encoded === null ? null : new Secret(Buffer.from(encoded, 'base64').toString('utf8'));
}

/** Throws `ERR_KEEPER` for what is not a list of held grants. */
export function readHeld(value: unknown): readonly HeldGrant[] {
  return listOf(value).map((item) => {
    const members = membersOf(item);
    const grant = text(members, 'grant');
    const state = text(members, 'state');
    const delivery = DELIVERIES.find((known) => known === members.get('delivery'));
    if (!isGrantId(grant) || (state !== 'live' && state !== 'wiping') || delivery === undefined) throw nonsense();
    return {
      grant,
      state,
      delivery,
      broker: text(members, 'broker'),
      profile: textOrNull(members, 'profile'),
      about: readAbout(membersOf(members.get('about'))),
      expiresAt: text(members, 'expiresAt'),
      remainingMs: number(members, 'remainingMs'),
      clockDriftSeconds: number(members, 'clockDriftSeconds'),
      uses: number(members, 'uses'),
      problem: textOrNull(members, 'problem'),
    };
  });
}

function readAbout(members: Answer): About {
  return {
    operation: text(members, 'operation'),
    resources: listOf(members.get('resources')).map(String),
    targets: listOf(members.get('targets')).map(String),
    environment: text(members, 'environment'),
    sandbox: members.get('sandbox') === true,
    reason: text(members, 'reason'),
    incident: textOrNull(members, 'incident'),
    seconds: number(members, 'seconds'),
    idleSeconds: members.get('idleSeconds') === null ? null : number(members, 'idleSeconds'),
  };
}

function nonsense(): Error {
  return fault('its answer makes no sense');
}

function membersOf(value: unknown): Answer {
  const members = asMembers(value);
  if (members === null) throw nonsense();
  return members;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw nonsense();
  return value;
}

function text(members: Answer, name: string): string {
  const value = members.get(name);
  if (typeof value !== 'string') throw nonsense();
  return value;
}

function textOrNull(members: Answer, name: string): string | null {
  return members.get(name) === null ? null : text(members, name);
}

function number(members: Answer, name: string): number {
  const value = members.get(name);
  if (typeof value !== 'number') throw nonsense();
  return value;
}
