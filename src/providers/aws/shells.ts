/**
 * Ending sessions of Systems Manager, which go on when the credentials that opened them are dead.
 * Source: Systems Manager API reference, DescribeSessions and TerminateSession; AWS CLI, `describe-sessions --filters key=Owner,…`.
 * @module
 */
import type { Session, SSMClient } from '@aws-sdk/client-ssm';
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { sessionArn } from './arn.ts';
import { deadline } from './assume.ts';
import type { Assume } from './assume.ts';
import type { Clients } from './clients.ts';
import { cloudFault, isDenied, isMissing, judge } from './failure.ts';
import type { Handle } from './handle.ts';
import { revokerKeys } from './revoker-keys.ts';

/** `none`: none of the grant is open. `some`: they were told to end, and at least one has not yet. `forbidden`: jit may not end them. */
export type Shells = 'none' | 'some' | 'forbidden';

/** Ends the open sessions of a grant. Throws what any call to AWS throws, except for missing rights. */
export type EndShells = (handle: Handle, signal: AbortSignal) => Promise<Shells>;

/** Sessions that one call lists, and how many calls there are at most: nobody has that many shells open. */
const PAGE = 50;
const PAGES = 40;
const OVER: ReadonlySet<string | undefined> = new Set(['Failed', 'Terminated']);

/** Whether these permissions can open a session of Systems Manager. */
export function opensShells(permissions: readonly Permission[]): boolean {
  return permissions.some(({ actions }) => actions.some((action) => action.toLowerCase() === 'ssm:startsession'));
}

export function shellEnder(deps: { readonly clients: Clients; readonly assume: Assume }): EndShells {
  const { clients, assume } = deps;
  return async (handle, signal) => {
    const { access, role } = handle;
    const keys = revokerKeys(assume, access, [
      { actions: ['ssm:DescribeSessions'], resource: '*' },
      {
        actions: ['ssm:TerminateSession'],
        resource: `arn:${role.partition}:ssm:${access.region}:${role.account}:session/*`,
      },
    ]);
    try {
      const client = await clients.ssm(access, keys);
      const { open, more } = await openSessions(client, sessionArn(role, handle.grant), signal);
      const { TerminateSessionCommand } = await import('@aws-sdk/client-ssm');
      for (const { SessionId } of open) {
        await client.send(new TerminateSessionCommand({ SessionId }), { abortSignal: deadline(signal) });
      }
      return open.length === 0 && !more ? 'none' : 'some';
    } catch (thrown) {
      if (thrown instanceof JitError) throw thrown;
      const failure = judge(thrown);
      if (isDenied(failure) || isMissing(failure)) return 'forbidden';
      throw cloudFault(failure, { doing: `end the SSM sessions of ${handle.grant}`, needs: RIGHTS });
    }
  };
}

/** What the operator has to give, in words. */
export const RIGHTS = 'the revoker needs ssm:DescribeSessions and ssm:TerminateSession';

async function openSessions(
  client: SSMClient,
  owner: string,
  signal: AbortSignal,
): Promise<{ readonly open: readonly Session[]; readonly more: boolean }> {
  const { DescribeSessionsCommand } = await import('@aws-sdk/client-ssm');
  const found: Session[] = [];
  let next: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const command = new DescribeSessionsCommand({
      State: 'Active',
      Filters: [{ key: 'Owner', value: owner }],
      MaxResults: PAGE,
      NextToken: next,
    });
    const { Sessions = [], NextToken } = await client.send(command, { abortSignal: deadline(signal) });
    // A filter that lets others through must not end their work.
    found.push(...Sessions.filter(({ Owner, Status }) => Owner === owner && !OVER.has(Status)));
    if (NextToken === undefined || NextToken === '') return { open: found, more: false };
    next = NextToken;
  }
  return { open: found, more: true };
}
