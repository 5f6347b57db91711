/**
 * Writing the deny policy to a role, with the revoker's rights.
 * @module
 */
import type { IAMClient } from '@aws-sdk/client-iam';
import { JitError } from '../../core/errors.ts';
import type { Assume } from './assume.ts';
import { deadline } from './assume.ts';
import type { Clients } from './clients.ts';
import { DENY_POLICY, denyDocument, isEmpty } from './deny-policy.ts';
import type { DenyList } from './deny-policy.ts';
import { cloudFault, judge } from './failure.ts';
import type { Handle } from './handle.ts';
import { revokerKeys } from './revoker-keys.ts';

/** `missing`: the role does not exist. `too-large`: IAM has no room for the text. */
export type Written = 'written' | 'missing' | 'too-large';

export interface RoleWriter {
  /**
   * Replaces the policy, or removes it where the list is empty. The handles differ in how the role is reached: they are
   * tried in order. Throws the last failure.
   */
  put(handles: readonly Handle[], list: DenyList, signal: AbortSignal): Promise<Written>;
}

const ACTIONS = ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'];

export function roleWriter(deps: { readonly clients: Clients; readonly assume: Assume }): RoleWriter {
  const { clients, assume } = deps;

  const putOne = async (handle: Handle, list: DenyList, signal: AbortSignal): Promise<Written> => {
    const { role, access } = handle;
    try {
      const keys = revokerKeys(assume, access, [{ actions: ACTIONS, resource: access.role }]);
      await send(await clients.iam(access, keys), role.name, list, signal);
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

const isNamed = (name: string, code: string): boolean => name === code || name === `${code}Exception`;
