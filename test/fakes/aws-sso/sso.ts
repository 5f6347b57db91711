/**
 * IAM Identity Center's administration in memory: assignments that take their time, one change of an assignment at a time, and
 * tags of permission sets.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { JsonAnswer } from '../aws-json.ts';

/** What it can be told to do. */
export interface SsoMood {
  /** How often a request is still called `IN_PROGRESS` before it is done. */
  steps: number;
  /** So many of the next writes are conflicts. */
  conflicts: number;
  /** Why assigning fails, or null. */
  failure: string | null;
  /** What becomes of deleting an assignment that does not exist. */
  missing: 'refused' | 'failed';
  /** ISO 8601, of every permission set. */
  session: string;
  /** Actions that are refused, such as `TagResource`. */
  denied: ReadonlySet<string>;
  /** Tags that a permission set can have. */
  tags: number;
}

interface Assignment {
  readonly account: string;
  readonly set: string;
  readonly user: string;
}

interface Request {
  readonly id: string;
  readonly kind: 'Creation' | 'Deletion';
  readonly about: Assignment;
  left: number;
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
}

export interface FakeSso {
  readonly mood: SsoMood;
  /** Actions in order. */
  readonly calls: string[];
  /** `ACCOUNT SET USER`, sorted. */
  assigned(): readonly string[];
  /** An administrator assigns or unassigns by hand. */
  change(how: 'assign' | 'unassign', about: Assignment): void;
  tagsOf(set: string): ReadonlyMap<string, string>;
  /** An administrator's other tools set or, with null, remove a tag. */
  tag(set: string, key: string, value: string | null): void;
  /** Only these exist; at the beginning every permission set that is asked about does. */
  keepOnly(sets: readonly string[]): void;
  /** Null for what is none of its actions. @param target the header `x-amz-target`. */
  answer(target: string, body: unknown): JsonAnswer | null;
}

const PREFIX = 'SWBExternalService.';
const ASSIGNMENT = z
  .object({
    InstanceArn: z.string(),
    TargetId: z.string().regex(/^\d{12}$/),
    TargetType: z.literal('AWS_ACCOUNT'),
    PermissionSetArn: z.string(),
    PrincipalType: z.literal('USER'),
    PrincipalId: z.string().min(36),
  })
  .transform(({ TargetId, PermissionSetArn, PrincipalId }) => ({
    account: TargetId,
    set: PermissionSetArn,
    user: PrincipalId,
  }));
const LISTED = z.object({ AccountId: z.string(), PermissionSetArn: z.string() });
const SET = z.object({ PermissionSetArn: z.string() });
const TAGGED = z.object({ ResourceArn: z.string() });
// IAM Identity Center API reference, Tag.
const TAGS = TAGGED.extend({
  Tags: z.array(
    z.object({
      Key: z.string().regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u),
      Value: z.string().regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u),
    }),
  ),
});
const UNTAG = TAGGED.extend({ TagKeys: z.array(z.string()) });

const fault = (type: string): JsonAnswer => ({ status: 400, body: { __type: type, Message: 'x' } });
const nameOf = ({ account, set, user }: Assignment): string => `${account} ${set} ${user}`;

export function fakeSso(): FakeSso {
  const mood: SsoMood = {
    steps: 0,
    conflicts: 0,
    failure: null,
    missing: 'refused',
    session: 'PT1H',
    denied: new Set(),
    tags: 50,
  };
  const calls: string[] = [];
  const assigned = new Map<string, Assignment>();
  const requests = new Map<string, Request>();
  const tags = new Map<string, Map<string, string>>();
  let existing: ReadonlySet<string> | null = null;

  const tagsOf = (set: string): Map<string, string> => {
    const known = tags.get(set) ?? new Map<string, string>();
    tags.set(set, known);
    return known;
  };
  const step = (request: Request): void => {
    request.left -= 1;
    if (request.left >= 0 || request.status !== 'IN_PROGRESS') return;
    const fails = request.kind === 'Creation' ? mood.failure !== null : !assigned.has(nameOf(request.about));
    request.status = fails ? 'FAILED' : 'SUCCEEDED';
    if (request.status === 'FAILED') return;
    if (request.kind === 'Creation') assigned.set(nameOf(request.about), request.about);
    else assigned.delete(nameOf(request.about));
  };
  const view = ({ id, kind, status }: Request): JsonAnswer => ({
    status: 200,
    body: {
      [`AccountAssignment${kind}Status`]: {
        RequestId: id,
        Status: status,
        ...(status === 'FAILED' ? { FailureReason: mood.failure ?? 'there is no such assignment' } : {}),
      },
    },
  });
  const begin = (kind: Request['kind'], about: Assignment): JsonAnswer => {
    const busy = [...requests.values()].find(
      (one) => one.status === 'IN_PROGRESS' && nameOf(one.about) === nameOf(about),
    );
    if (busy !== undefined) {
      step(busy);
      return fault('ConflictException');
    }
    if (kind === 'Deletion' && mood.missing === 'refused' && !assigned.has(nameOf(about))) {
      return fault('ResourceNotFoundException');
    }
    const request: Request = { id: randomUUID(), kind, about, left: mood.steps, status: 'IN_PROGRESS' };
    requests.set(request.id, request);
    step(request);
    return view(request);
  };
  const follow = (body: unknown, kind: Request['kind']): JsonAnswer => {
    const name = `AccountAssignment${kind}RequestId`;
    const request = requests.get(z.object({ [name]: z.string() }).parse(body)[name] ?? '');
    if (request?.kind !== kind) return fault('ResourceNotFoundException');
    step(request);
    return view(request);
  };

  const writes: Readonly<Record<string, (body: unknown) => JsonAnswer>> = {
    CreateAccountAssignment: (body) => {
      const about = ASSIGNMENT.parse(body);
      return existing?.has(about.set) === false ? fault('ResourceNotFoundException') : begin('Creation', about);
    },
    DeleteAccountAssignment: (body) => begin('Deletion', ASSIGNMENT.parse(body)),
    TagResource: (body) => {
      const { ResourceArn, Tags } = TAGS.parse(body);
      const own = tagsOf(ResourceArn);
      if (new Set([...own.keys(), ...Tags.map(({ Key }) => Key)]).size > mood.tags) {
        return fault('ServiceQuotaExceededException');
      }
      for (const { Key, Value } of Tags) own.set(Key, Value);
      return { status: 200, body: {} };
    },
    UntagResource: (body) => {
      const { ResourceArn, TagKeys } = UNTAG.parse(body);
      for (const key of TagKeys) tagsOf(ResourceArn).delete(key);
      return { status: 200, body: {} };
    },
  };
  const reads: Readonly<Record<string, (body: unknown) => JsonAnswer>> = {
    DescribeAccountAssignmentCreationStatus: (body) => follow(body, 'Creation'),
    DescribeAccountAssignmentDeletionStatus: (body) => follow(body, 'Deletion'),
    DescribePermissionSet: (body) => {
      const { PermissionSetArn } = SET.parse(body);
      if (existing?.has(PermissionSetArn) === false) return fault('ResourceNotFoundException');
      const Name = PermissionSetArn.split('/').at(-1);
      return { status: 200, body: { PermissionSet: { Name, PermissionSetArn, SessionDuration: mood.session } } };
    },
    ListAccountAssignments: (body) => {
      const { AccountId, PermissionSetArn } = LISTED.parse(body);
      const AccountAssignments = [...assigned.values()]
        .filter(({ account, set }) => account === AccountId && set === PermissionSetArn)
        .map(({ account, set, user }) => ({
          AccountId: account,
          PermissionSetArn: set,
          PrincipalType: 'USER',
          PrincipalId: user,
        }));
      return { status: 200, body: { AccountAssignments } };
    },
    ListTagsForResource: (body) => {
      const { ResourceArn } = TAGGED.parse(body);
      if (existing?.has(ResourceArn) === false) return fault('ResourceNotFoundException');
      return { status: 200, body: { Tags: [...tagsOf(ResourceArn)].map(([Key, Value]) => ({ Key, Value })) } };
    },
  };

  return {
    mood,
    calls,
    assigned: () => [...assigned.keys()].toSorted(),
    change: (how, about) => {
      if (how === 'assign') assigned.set(nameOf(about), about);
      else assigned.delete(nameOf(about));
    },
    tagsOf,
    tag: (set, key, value) => {
      if (value === null) tagsOf(set).delete(key);
      else tagsOf(set).set(key, value);
    },
    keepOnly: (sets) => {
      existing = new Set(sets);
    },
    answer: (target, body) => {
      if (!target.startsWith(PREFIX)) return null;
      const action = target.slice(PREFIX.length);
      calls.push(action);
      if (mood.denied.has(action)) return fault('AccessDeniedException');
      const write = writes[action];
      if (write !== undefined && mood.conflicts > 0) {
        mood.conflicts -= 1;
        return fault('ConflictException');
      }
      const act = write ?? reads[action];
      if (act === undefined) return null;
      try {
        return act(body);
      } catch (thrown) {
        if (thrown instanceof z.ZodError) return fault('ValidationException');
        throw thrown;
      }
    },
  };
}
