/**
 * Permissions that are too long for a session policy: a managed policy that an operator has prepared stands in for it, if it says
 * exactly what the session policy would have said.
 * @module
 */
import { canonicalJson } from '../../core/canonical.ts';
import type { Canonical } from '../../core/canonical.ts';
import { JitError, asJitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import type { Assume } from './assume.ts';
import { deadline } from './assume.ts';
import type { Clients } from './clients.ts';
import { cloudFault, judge } from './failure.ts';
import type { Narrowed } from './narrow.ts';
import type { Notice } from './revocation.ts';
import { revokerKeys } from './revoker-keys.ts';
import { POLICY_LIMIT, endPolicy, lastingPolicy, sessionPolicy } from './session-policy.ts';
import type { AwsTarget, Prepared } from './target.ts';

/** What a session is narrowed by. */
export interface Bounds {
  /** The session policy. */
  readonly policy: string;
  /** ARNs of managed policies beside it. */
  readonly managed: readonly string[];
  /** Both, as AWS has them. */
  readonly text: string;
}

/** Throws `ERR_PERMISSION_SIZE`, or `ERR_CLOUD` where the prepared policy says something else or cannot be read. @param endsAt epoch ms. */
export type Bound = (
  target: AwsTarget,
  narrowed: readonly Narrowed[],
  endsAt: number,
  signal: AbortSignal,
) => Promise<Bounds>;

/** IAM quotas: characters of a managed policy, without white space. */
const MANAGED_LIMIT = 6_144;

export function boundWith(deps: {
  readonly clients: Clients;
  readonly assume: Assume;
  readonly notice: Notice;
  readonly narrow: (target: AwsTarget, permission: Permission) => Promise<Narrowed>;
}): Bound {
  const { clients, assume, notice, narrow } = deps;
  const told = new Set<string>();

  const preparedFor = async (target: AwsTarget, [only, ...others]: readonly Narrowed[]): Promise<Prepared | null> => {
    if (only === undefined || others.length > 0) return null;
    for (const entry of target.prepared) {
      const { name, actions, resources } = entry;
      const own = await configured(target, name, () =>
        narrow(target, { target: target.name, operation: name, actions, resources }),
      );
      if (
        isSame(own.permission.actions, only.permission.actions) &&
        isSame(own.permission.resources, only.permission.resources)
      ) {
        return entry;
      }
    }
    return null;
  };

  const read = async ({ access }: AwsTarget, arn: string, signal: AbortSignal): Promise<string> => {
    const { GetPolicyCommand, GetPolicyVersionCommand } = await import('@aws-sdk/client-iam');
    const keys = revokerKeys(assume, access, [{ actions: ACTIONS, resource: arn }]);
    const options = () => ({ abortSignal: deadline(signal) });
    try {
      const client = await clients.iam(access, keys);
      const { Policy } = await client.send(new GetPolicyCommand({ PolicyArn: arn }), options());
      const version = { PolicyArn: arn, VersionId: Policy?.DefaultVersionId };
      const { PolicyVersion } = await client.send(new GetPolicyVersionCommand(version), options());
      // "The policy document returned in this structure is URL-encoded compliant with RFC 3986."
      return decodeURIComponent(PolicyVersion?.Document ?? '');
    } catch (thrown) {
      if (thrown instanceof JitError) throw asQuestion(thrown);
      const whom = access.revoker ?? 'the identity that the broker runs under';
      throw asQuestion(
        cloudFault(judge(thrown), { doing: `read ${arn}`, needs: `${whom} needs ${ACTIONS.join(' and ')} on it` }),
      );
    }
  };

  return async (target, narrowed, endsAt, signal) => {
    const clauses = narrowed.flatMap((one) => one.clauses);
    let tooLong: JitError;
    try {
      const policy = sessionPolicy(clauses, endsAt);
      return { policy, managed: [], text: policy };
    } catch (thrown) {
      if (!(thrown instanceof JitError) || thrown.code !== 'ERR_PERMISSION_SIZE') throw thrown;
      tooLong = thrown;
    }
    const entry = await preparedFor(target, narrowed);
    if (entry === null) throw tooLong;
    const expected = lastingPolicy(clauses);
    if (expected.length > MANAGED_LIMIT) throw tooLong;
    const policy = endPolicy(clauses, endsAt, POLICY_LIMIT - entry.policy.length);
    if (!saysTheSame(await read(target, entry.policy, signal), expected)) {
      const text = `managed policy ${entry.policy} of target ${target.name} has to say exactly: ${expected}`;
      if (!told.has(text)) notice(text);
      told.add(text);
      throw new JitError({
        code: 'ERR_CLOUD',
        message: `${entry.policy} does not say what managed.${entry.name} of target ${target.name} says`,
        hint: "the broker's log has the text that it has to have",
      });
    }
    const managed = `{"${entry.policy}":${expected}}`;
    return { policy, managed: [entry.policy], text: `{"Policy":${policy},"PolicyArns":${managed}}` };
  };
}

const ACTIONS = ['iam:GetPolicy', 'iam:GetPolicyVersion'];

async function configured<T>(target: AwsTarget, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { message, hint } = asJitError(thrown);
    throw new JitError({ code: 'ERR_CONFIG', message: `target ${target.name}: managed.${name}: ${message}`, hint });
  }
}

/** Reading changes nothing, so that an unclear answer is none that has to be cleaned up after. */
function asQuestion(fault: JitError): JitError {
  if (fault.code !== 'ERR_CLOUD_UNKNOWN') return fault;
  return new JitError({ code: 'ERR_CLOUD_BUSY', message: fault.message, cause: fault });
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.toSorted().every((text, index) => text === other.toSorted()[index]);
}

/**
 * Whether two policies have the same statements: their order, the order in their lists, names (`Sid`) and white space aside. A
 * text that a second reader could read otherwise, with a key twice, is never the same.
 */
export function saysTheSame(text: string, expected: string): boolean {
  try {
    // What JSON.parse gives back is canonical JSON's own kind of value.
    const parsed = JSON.parse(text) as Canonical;
    if (withoutSpace(text) !== JSON.stringify(parsed)) return false;
    // The same.
    return normal(parsed) === normal(JSON.parse(expected) as Canonical);
  } catch {
    return false;
  }
}

function withoutSpace(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? part : ''));
}

type Fields = { readonly [key: string]: Canonical };
const LISTS: ReadonlySet<string> = new Set(['Action', 'NotAction', 'Resource', 'NotResource']);

function normal(policy: Canonical): string {
  if (!isFields(policy)) return 'no policy';
  const { Statement, ...others } = policy;
  const statements = isList(Statement) ? Statement : [];
  const texts = statements.map((one) => (isFields(one) ? normalStatement(one) : 'no statement'));
  return canonicalJson({ ...others, Statement: texts.toSorted() });
}

function normalStatement({ Sid: _name, ...fields }: Fields): string {
  const entries = Object.entries(fields).map(([key, value]): readonly [string, Canonical] => {
    if (!LISTS.has(key)) return [key, value];
    const list = isList(value) ? value : [value];
    return [key, list.map((one) => canonicalJson(one)).toSorted()];
  });
  return canonicalJson(Object.fromEntries(entries));
}

function isFields(value: Canonical | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Canonical | undefined): value is readonly Canonical[] {
  return Array.isArray(value);
}
