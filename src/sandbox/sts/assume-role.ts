/**
 * AssumeRole, by a signed caller.
 * Source: STS API reference, AssumeRole; IAM user guide, "Roles terms and concepts", role chaining.
 * @module
 */
import { accessDenied } from '../evaluate/denial.ts';
import { fault, isFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import type { Answer, Parameters, SignedCall } from '../query-api.ts';
import type { Principal } from '../principal.ts';
import type { SessionTag } from '../session.ts';
import { sessionAnswer } from './answer.ts';
import { callerRefusal } from './entry.ts';
import {
  checkTags,
  externalIdFault,
  readDuration,
  readRoleArn,
  readSessionName,
  readSessionPolicy,
  readSourceIdentity,
} from './validate.ts';

/** Reads `Tags.member.N.Key/Value` and `TransitiveTagKeys.member.N`, whatever the order of the numbers. */
function readTags(parameters: Parameters): readonly SessionTag[] | Fault {
  const tags = new Map<string, { key?: string; value?: string }>();
  const transitive = new Set<string>();
  for (const [name, value] of parameters) {
    const [, number, part] = /^Tags\.member\.(\d+)\.(Key|Value)$/.exec(name) ?? [];
    if (number !== undefined) {
      const slot = tags.get(number) ?? {};
      tags.set(number, part === 'Key' ? { ...slot, key: value } : { ...slot, value });
    } else if (name.startsWith('TransitiveTagKeys.member.')) {
      transitive.add(value.toLowerCase());
    }
  }
  const list = [...tags.values()].map(({ key, value }) => ({
    key: key ?? '',
    value: value ?? '',
    transitive: transitive.has((key ?? '').toLowerCase()),
  }));
  const known = new Set(list.map(({ key }) => key.toLowerCase()));
  if ([...transitive].some((key) => !known.has(key))) {
    return fault(
      'InvalidParameterValue',
      400,
      'The specified transitive tag key must be included in the requested tags.',
    );
  }
  return list;
}

/** Adds the tags that the calling session hands down; a tag of the same key may not be set again. */
function withInherited(principal: Principal, tags: readonly SessionTag[]): readonly SessionTag[] | Fault {
  const inherited = principal.kind === 'session' ? principal.session.tags.filter((tag) => tag.transitive) : [];
  const keys = new Set(inherited.map(({ key }) => key.toLowerCase()));
  if (tags.some(({ key }) => keys.has(key.toLowerCase()))) {
    return fault(
      'InvalidParameterValue',
      400,
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    );
  }
  return [...inherited, ...tags];
}

/** A source identity, once set, stays for the whole chain of sessions. */
function keptSource(principal: Principal, asked: string | null): { kept: string | null; changed: 'no' | 'yes' } {
  const before = principal.kind === 'session' ? principal.session.sourceIdentity : null;
  return { kept: before ?? asked, changed: before !== null && asked !== null && before !== asked ? 'yes' : 'no' };
}

/** Answers with credentials of the role. */
export function assumeRole(call: SignedCall): Answer {
  const { cloud, parameters, principal } = call;
  const arn = readRoleArn(parameters);
  if (isFault(arn)) return arn;
  const name = readSessionName(parameters);
  if (isFault(name)) return name;
  const asked = readSourceIdentity(parameters.get('SourceIdentity'));
  if (isFault(asked)) return asked;
  const policy = readSessionPolicy(cloud, parameters);
  if (isFault(policy)) return policy;
  const own = readTags(parameters);
  if (isFault(own)) return own;
  const problem = externalIdFault(parameters) ?? checkTags(own);
  if (problem !== null) return problem;
  const tags = withInherited(principal, own);
  if (isFault(tags)) return tags;
  const role = [...cloud.world.roles.values()].find((one) => one.arn === arn);
  if (role === undefined) {
    return accessDenied({ caller: principal.arn, action: 'sts:AssumeRole', resource: arn, reason: 'no-trust' });
  }
  const chained = principal.kind === 'session' ? 'chained' : 'direct';
  const seconds = readDuration(parameters, { roleMaximum: role.maxSessionSeconds, chained });
  if (isFault(seconds)) return seconds;
  const { kept: sourceIdentity, changed } = keptSource(principal, asked);
  if (changed === 'yes') {
    const denial = { caller: principal.arn, action: 'sts:SetSourceIdentity', resource: arn } as const;
    return accessDenied({ ...denial, reason: 'no-trust' });
  }
  const externalId = parameters.get('ExternalId') ?? null;
  const refused = callerRefusal(cloud, principal, { role, sessionName: name, tags, sourceIdentity, externalId });
  return refused ?? sessionAnswer(cloud, { role, name, seconds, policy, tags, sourceIdentity });
}
