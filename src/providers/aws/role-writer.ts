/**
 * Writing the deny policy to a role, with the revoker's rights.
 * @module
 */
import type { IAMClient } from '@aws-sdk/client-iam';
import { JitError } from '../../core/errors.ts';
import type { Assume } from './assume.ts';
import { deadline } from './assume.ts';
import type { Clients, KeySource } from './clients.ts';
import { DENY_POLICY, denyDocument, isEmpty } from './deny-policy.ts';
import type { DenyList } from './deny-policy.ts';
import { cloudFault, judge } from './failure.ts';
import type { Handle } from './handle.ts';
import { SHORTEST_SESSION } from './target.ts';
import type { RoleAccess } from './target.ts';

/** `missing`: the role does not exist. `too-large`: IAM has no room for the text. */
export type Written = 'written' | 'missing' | 'too-large';

export interface RoleWriter {
  /**
   * Replaces the policy, or removes it where the list is empty. The handles differ in how the role is reached: they are
   * tried in order. Throws the last failure.
   */
  put(handles: readonly Handle[], list: DenyList, signal: AbortSignal): Promise<Written>;
}

const NAME = 'jit-revoker';

export function roleWriter(deps: { readonly clients: Clients; readonly assume: Assume }): RoleWriter {
  const { clients, assume } = deps;

  const keysOf = ({ access }: Handle): { readonly name: string; readonly source: KeySource } | null => {
    const { revoker } = access;
    if (revoker === null) return null;
    const source: KeySource = async () => {
      const { signal } = new AbortController();
      const order = { role: revoker, session: NAME, policy: only(access), seconds: SHORTEST_SESSION, marking: null };
      const { keys, expiresAt } = await assume(access, order, signal);
      return { ...keys.expose(), expiration: new Date(expiresAt) };
    };
    return { name: JSON.stringify([access.role, revoker, access.credentials, access.externalId]), source };
  };

  const putOne = async (handle: Handle, list: DenyList, signal: AbortSignal): Promise<Written> => {
    const { role, access } = handle;
    try {
      await send(await clients.iam(access, keysOf(handle)), role.name, list, signal);
      return 'written';
    } catch (thrown) {
      if (thrown instanceof JitError) throw thrown;
      const failure = judge(thrown);
      if (isNamed(failure.name, 'NoSuchEntity')) return isEmpty(list) ? 'written' : 'missing';
      if (isNamed(failure.name, 'LimitExceeded')) return 'too-large';
      throw cloudFault(failure, {
        doing: `write the deny entries of ${role.arn}`,
        needs: `${access.revoker ?? 'the identity that the broker runs under'} needs iam:PutRolePolicy and iam:DeleteRolePolicy on it`,
      });
    }
  };

  return {
    put: async (handles, list, signal) => {
      let last: unknown = null;
      for (const handle of handles) {
        try {
          return await putOne(handle, list, signal);
        } catch (thrown) {
          last = thrown;
        }
      }
      throw last instanceof JitError
        ? last
        : new JitError({ code: 'ERR_UNEXPECTED', message: 'the deny entries could not be written', cause: last });
    },
  };
}

async function send(client: IAMClient, RoleName: string, list: DenyList, signal: AbortSignal): Promise<void> {
  const { DeleteRolePolicyCommand, PutRolePolicyCommand } = await import('@aws-sdk/client-iam');
  const name = { RoleName, PolicyName: DENY_POLICY };
  const options = { abortSignal: deadline(signal) };
  if (isEmpty(list)) await client.send(new DeleteRolePolicyCommand(name), options);
  else await client.send(new PutRolePolicyCommand({ ...name, PolicyDocument: denyDocument(list) }), options);
}

/** The revoker's own session is narrowed to the one role, whatever else the revoker may do. */
function only({ role }: RoleAccess): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'], Resource: role }],
  });
}

const isNamed = (name: string, code: string): boolean => name === code || name === `${code}Exception`;
