/**
 * IAM Identity Center as jit uses it: assignments of permission sets to one user in one account, and the tags beside them.
 * Source: IAM Identity Center API reference; assigning and unassigning are asynchronous, and `ConflictException` asks for another try.
 * @module
 */
import type { AccountAssignmentOperationStatus, SSOAdminClient } from '@aws-sdk/client-sso-admin';
import { display } from '../../../core/display.ts';
import { JitError } from '../../../core/errors.ts';
import { parseArn } from '../arn.ts';
import { deadline } from '../assume.ts';
import type { Assume } from '../assume.ts';
import type { Clients } from '../clients.ts';
import { cloudFault, judge } from '../failure.ts';
import { revokerKeys } from '../revoker-keys.ts';
import { holdKey, holdValue, readHold } from './marks.ts';
import type { Hold } from './marks.ts';
import type { CenterAccess } from './target.ts';

/** Waits; rejects when the signal comes first. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export interface PermissionSetFacts {
  readonly name: string;
  readonly sessionSeconds: number;
}

/** Each call throws `ERR_CLOUD`, `ERR_CLOUD_BUSY` or, where it writes and the outcome is open, `ERR_CLOUD_UNKNOWN`. */
export interface Center {
  facts(set: string): Promise<PermissionSetFacts>;
  /** What any broker of jit holds at the permission set; null where there is no such permission set. */
  holds(set: string): Promise<readonly Hold[] | null>;
  hold(set: string, hold: Hold): Promise<void>;
  release(set: string, hold: Pick<Hold, 'owner' | 'grant'>): Promise<void>;
  /** Whether the user has the permission set by an assignment of their own; what they have by a group is not asked. */
  isAssigned(set: string, user: string): Promise<boolean>;
  /** Comes back when it is done, or when AWS has been at it for some seconds. */
  assign(set: string, user: string): Promise<void>;
  /** Comes back when it is done; what does not exist is no failure. @returns what AWS says went wrong, which it also does where there was nothing to do. */
  unassign(set: string, user: string): Promise<JitError | null>;
}

export type Connect = (access: CenterAccess, sets: readonly string[], signal: AbortSignal) => Promise<Center>;

const POLL_MS = 1_000;
/** For all assignments of a grant together, since somebody waits for them. What AWS has accepted, it goes on with by itself. */
const ASSIGNING_POLLS = 8;
const DELETING_POLLS = 20;
const TRIES = 8;
const LONGEST_PAUSE_MS = 5_000;
const PAGES = 200;
/** Seconds: CreatePermissionSet, SessionDuration, where it is left out. */
const USUAL_SESSION = 3_600;

const ACTIONS = [
  'sso:CreateAccountAssignment',
  'sso:DeleteAccountAssignment',
  'sso:DescribeAccountAssignmentCreationStatus',
  'sso:DescribeAccountAssignmentDeletionStatus',
  'sso:DescribePermissionSet',
  'sso:ListAccountAssignments',
  'sso:ListTagsForResource',
  'sso:TagResource',
  'sso:UntagResource',
];
const NEEDS = `the administrator needs ${ACTIONS.join(', ')} on the instance, the account and the permission sets`;

export function centerWith(deps: {
  readonly clients: Clients;
  readonly assume: Assume;
  readonly pause: Pause;
}): Connect {
  const { clients, assume, pause } = deps;
  return async (access, sets, signal) => {
    const { instance, account, administrator } = access;
    const partition = parseArn(instance)?.partition ?? '';
    const keys = revokerKeys(assume, { ...access, role: administrator ?? '', revoker: administrator, sandbox: false }, [
      { actions: ACTIONS, resource: [instance, `arn:${partition}:sso:::account/${account}`, ...sets] },
    ]);
    return await makeCenter({ client: await clients.ssoAdmin(access, keys), access, pause, signal });
  };
}

interface Line {
  readonly client: SSOAdminClient;
  readonly access: CenterAccess;
  readonly pause: Pause;
  readonly signal: AbortSignal;
}

async function makeCenter({ client, access, pause, signal }: Line): Promise<Center> {
  const sdk = await import('@aws-sdk/client-sso-admin');
  const { instance: InstanceArn, account } = access;
  const options = () => ({ abortSignal: deadline(signal) });
  const assignment = (PermissionSetArn: string, PrincipalId: string) =>
    ({
      InstanceArn,
      PermissionSetArn,
      PrincipalId,
      PrincipalType: 'USER',
      TargetId: account,
      TargetType: 'AWS_ACCOUNT',
    }) as const;

  const reads = async <T>(doing: string, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (thrown) {
      const fault = faultOf(doing, thrown);
      if (fault.code !== 'ERR_CLOUD_UNKNOWN') throw fault;
      // Nothing can have come of a question.
      throw new JitError({ code: 'ERR_CLOUD_BUSY', message: fault.message, cause: thrown });
    }
  };
  const wait = async (doing: string, ms: number): Promise<void> => {
    try {
      await pause(ms, signal);
    } catch (thrown) {
      throw new JitError({
        code: 'ERR_CLOUD_UNKNOWN',
        message: `interrupted while aws was to ${doing}`,
        cause: thrown,
      });
    }
  };
  /** With other tries where an earlier write is still under way, as AWS recommends. */
  const patiently = async <T>(doing: string, ask: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (thrown) {
        if (tries === TRIES || judge(thrown).name !== CONFLICT) throw faultOf(doing, thrown);
      }
      await wait(doing, Math.min(250 * 2 ** tries, LONGEST_PAUSE_MS));
    }
  };
  let assigningPolls = ASSIGNING_POLLS;
  /** @returns AWS's reason where it has failed. */
  const settled = async (
    doing: string,
    first: AccountAssignmentOperationStatus | undefined,
    ask: (id: string) => Promise<AccountAssignmentOperationStatus | undefined>,
    goOn: () => boolean,
  ): Promise<JitError | 'done' | 'under way'> => {
    let status = first;
    for (;;) {
      if (status?.Status === 'SUCCEEDED') return 'done';
      if (status?.Status === 'FAILED') return failed(doing, status.FailureReason);
      const id = status?.RequestId;
      if (id === undefined) throw unclear(doing);
      if (!goOn()) return 'under way';
      await wait(doing, POLL_MS);
      status = { RequestId: id, ...(await patiently(`see whether it could ${doing}`, () => ask(id))) };
    }
  };

  return {
    facts: async (PermissionSetArn) => {
      const command = new sdk.DescribePermissionSetCommand({ InstanceArn, PermissionSetArn });
      const { PermissionSet } = await reads(`look at ${PermissionSetArn}`, () => client.send(command, options()));
      const sessionSeconds = secondsOf(PermissionSet?.SessionDuration);
      return { name: PermissionSet?.Name ?? PermissionSetArn, sessionSeconds };
    },
    holds: async (ResourceArn) =>
      await reads(`read the tags of ${ResourceArn}`, async () => {
        const tags = await everyPage(async (NextToken) => {
          const command = new sdk.ListTagsForResourceCommand({ InstanceArn, ResourceArn, NextToken });
          const answer = await orMissing(client.send(command, options()));
          return answer === null ? null : [answer.Tags ?? [], answer.NextToken];
        });
        return tags?.flatMap(({ Key = '', Value = '' }) => readHold(Key, Value) ?? []) ?? null;
      }),
    hold: async (ResourceArn, hold) => {
      const Tags = [{ Key: holdKey(hold), Value: holdValue(hold) }];
      const command = new sdk.TagResourceCommand({ InstanceArn, ResourceArn, Tags });
      await patiently(`tag ${ResourceArn}`, () => client.send(command, options()));
    },
    release: async (ResourceArn, hold) => {
      const command = new sdk.UntagResourceCommand({ InstanceArn, ResourceArn, TagKeys: [holdKey(hold)] });
      await patiently(`untag ${ResourceArn}`, () => client.send(command, options()));
    },
    isAssigned: async (PermissionSetArn, user) =>
      await reads(`list who has ${PermissionSetArn} in ${account}`, async () => {
        const all = await everyPage(async (NextToken) => {
          const command = new sdk.ListAccountAssignmentsCommand({
            InstanceArn,
            AccountId: account,
            PermissionSetArn,
            NextToken,
          });
          const { AccountAssignments, NextToken: next } = await client.send(command, options());
          return [AccountAssignments ?? [], next];
        });
        return (all ?? []).some(({ PrincipalType, PrincipalId }) => PrincipalType === 'USER' && PrincipalId === user);
      }),
    assign: async (set, user) => {
      const doing = `assign ${set} in ${account}`;
      const begun = await patiently(doing, () =>
        client.send(new sdk.CreateAccountAssignmentCommand(assignment(set, user)), options()),
      );
      const follow = async (AccountAssignmentCreationRequestId: string) => {
        const input = { InstanceArn, AccountAssignmentCreationRequestId };
        const answer = await client.send(new sdk.DescribeAccountAssignmentCreationStatusCommand(input), options());
        return answer.AccountAssignmentCreationStatus;
      };
      const goOn = (): boolean => (assigningPolls -= 1) >= 0;
      const outcome = await settled(doing, begun.AccountAssignmentCreationStatus, follow, goOn);
      if (outcome instanceof JitError) throw outcome;
    },
    unassign: async (set, user) => {
      const doing = `unassign ${set} in ${account}`;
      const begun = await patiently(doing, () =>
        orMissing(client.send(new sdk.DeleteAccountAssignmentCommand(assignment(set, user)), options())),
      );
      if (begun === null) return null;
      const follow = async (AccountAssignmentDeletionRequestId: string) => {
        const input = { InstanceArn, AccountAssignmentDeletionRequestId };
        const answer = await client.send(new sdk.DescribeAccountAssignmentDeletionStatusCommand(input), options());
        return answer.AccountAssignmentDeletionStatus;
      };
      let polls = DELETING_POLLS;
      const outcome = await settled(doing, begun.AccountAssignmentDeletionStatus, follow, () => (polls -= 1) >= 0);
      if (outcome === 'under way') throw unclear(doing);
      return outcome === 'done' ? null : outcome;
    },
  };
}

/** Seconds of an ISO 8601 duration such as `PT1H30M`. What cannot be read counts as the longest that there is. */
export function secondsOf(duration: string | undefined): number {
  if (duration === undefined) return USUAL_SESSION;
  const [whole, days = 0, hours = 0, minutes = 0, seconds = 0] =
    /^P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$/.exec(duration) ?? [];
  const sum = Number(days) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  return whole === undefined || sum === 0 ? Number.MAX_SAFE_INTEGER : sum;
}

/** Null as soon as a page is. */
async function everyPage<T>(
  ask: (token: string | undefined) => Promise<readonly [readonly T[], string | undefined] | null>,
): Promise<readonly T[] | null> {
  const all: T[] = [];
  let token: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const answer = await ask(token);
    if (answer === null) return null;
    const [some, next] = answer;
    all.push(...some);
    if (next === undefined || next === '') return all;
    token = next;
  }
  throw new JitError({ code: 'ERR_CLOUD', message: 'aws lists more than can be true' });
}

async function orMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (thrown) {
    if (judge(thrown).name === 'ResourceNotFoundException') return null;
    throw thrown;
  }
}

const CONFLICT = 'ConflictException';

function faultOf(doing: string, thrown: unknown): JitError {
  if (thrown instanceof JitError) return thrown;
  const failure = judge(thrown);
  return cloudFault(failure.name === CONFLICT ? { ...failure, kind: 'busy' } : failure, { doing, needs: NEEDS });
}

function unclear(doing: string): JitError {
  return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: `aws does not say yet whether it could ${doing}` });
}

function failed(doing: string, reason: string | undefined): JitError {
  const why = reason === undefined ? '' : `: ${display(reason, 200)}`;
  return new JitError({ code: 'ERR_CLOUD', message: `aws could not ${doing}${why}` });
}
