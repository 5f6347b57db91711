/**
 * Ids as they are typed.
 * @module
 */
import { type GrantId, isGrantId, parseId, type RequestId } from '../core/ids.ts';
import type { GrantView, Outcome } from '../wire/views.ts';
import { type Input, type Positional, usage } from './command.ts';
import type { Broker } from './context.ts';

export const ANY_ID: Positional = {
  name: 'id',
  about: 'a grant (gr_…) or a request (req_…)',
  takes: 'one',
  offers: 'grants',
};
export const REQUEST_ID: Positional = { name: 'id', about: 'a request (req_…)', takes: 'one', offers: 'requests' };
export const GRANT_ID: Positional = { name: 'id', about: 'a grant (gr_…)', takes: 'one', offers: 'grants' };

/** The first word as an id. Throws `ERR_USAGE`. */
export function readId(input: Input): GrantId | RequestId {
  const [word] = input.words;
  if (word === undefined) throw usage('which grant or request?', 'list yours with: jit list');
  return parseId(word.trim());
}

/** The first word as the id of a grant. Throws `ERR_USAGE`. */
export function readGrantId(input: Input): GrantId {
  const id = readId(input);
  if (isGrantId(id)) return id;
  throw usage('that is the id of a request, not of a grant', `its grant, if it has one: jit show ${id}`);
}

/** The first word as the id of a request. Throws `ERR_USAGE`. */
export function readRequestId(input: Input): RequestId {
  const id = readId(input);
  if (!isGrantId(id)) return id;
  throw usage('that is the id of a grant, not of a request', `its request: jit show ${id}`);
}

/** Request and grant behind either id. Throws `ERR_NOT_FOUND`. */
export async function lookUp({ client }: Broker, id: GrantId | RequestId): Promise<Outcome> {
  return isGrantId(id) ? await client.getGrant(id) : await client.getRequest(id);
}

/** Where a request and its grant stand, in one word: the grant's state, or the request's before there is a grant. */
export function standing({ request, grant }: Outcome): string {
  if (grant === null) return request.state;
  return grant.state === 'closed' ? (grant.reason ?? 'closed') : grant.state;
}

export function isLive(grant: Pick<GrantView, 'state'>): boolean {
  return grant.state !== 'closed';
}
