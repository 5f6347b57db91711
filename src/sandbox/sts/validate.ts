/**
 * The constraints on what a session may be asked to be.
 * Source: STS API reference, AssumeRole and AssumeRoleWithWebIdentity (the service model's patterns and lengths).
 * @module
 */
import { deflateRawSync } from 'node:zlib';
import type { Cloud } from '../cloud.ts';
import { fault, invalidParameter, isFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import type { Parameters } from '../query-api.ts';
import type { SessionTag } from '../session.ts';

const NAME = /^[\w+=,.@-]*$/;
const EXTERNAL_ID = /^[\w+=,.@:/-]*$/;
const TAG_CHARACTERS = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const POLICY_CHARACTERS = /^[\u0009\u000a\u000d\u0020-\u00ff]+$/;

/** Characters of a session policy, whitespace included. */
export const SESSION_POLICY_LIMIT = 2_048;
const MAX_TAGS = 50;
// AWS keeps its packed format and its size to itself; this is the sandbox's stand-in, in deflated bytes.
const PACKED_LIMIT = 2_048;
const MIN_SECONDS = 900;
const MAX_SECONDS = 43_200;
const DEFAULT_SECONDS = 3_600;

function broken(value: string | null, at: string, constraint: string): Fault {
  const shown = value === null ? 'null' : value.length > 100 ? `${value.slice(0, 100)}…` : value;
  const message = `1 validation error detected: Value '${shown}' at '${at}' failed to satisfy constraint: ${constraint}`;
  return invalidParameter(message);
}

interface TextRule {
  readonly at: string;
  readonly min: number;
  readonly max: number;
  readonly pattern: RegExp;
}

/** Checks one text against length and pattern. Null where it passes. */
function textFault(value: string | undefined, rule: TextRule): Fault | null {
  const { at, min, max, pattern } = rule;
  if (value === undefined) return broken(null, at, 'Member must not be null');
  if (value.length < min) return broken(value, at, `Member must have length greater than or equal to ${min}`);
  if (value.length > max) return broken(value, at, `Member must have length less than or equal to ${max}`);
  if (!pattern.test(value))
    return broken(value, at, `Member must satisfy regular expression pattern: ${pattern.source}`);
  return null;
}

/** The name of the role in `RoleArn`, whether or not there is such a role. */
export function readRoleArn(parameters: Parameters): string | Fault {
  const arn = parameters.get('RoleArn');
  const problem = textFault(arn, { at: 'roleArn', min: 20, max: 2_048, pattern: /^[\u0020-\u007e]+$/ });
  if (problem !== null) return problem;
  if (arn === undefined || !/^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(arn)) {
    return invalidParameter(`${arn ?? ''} is invalid`);
  }
  return arn;
}

/** `RoleSessionName`: 2 to 64 letters, digits and `_+=,.@-`. */
export function readSessionName(parameters: Parameters): string | Fault {
  const name = parameters.get('RoleSessionName');
  return textFault(name, { at: 'roleSessionName', min: 2, max: 64, pattern: NAME }) ?? name ?? '';
}

/** A source identity, null where there is none. */
export function readSourceIdentity(value: string | undefined): string | null | Fault {
  if (value === undefined) return null;
  const problem = textFault(value, { at: 'sourceIdentity', min: 2, max: 64, pattern: NAME });
  if (problem !== null) return problem;
  return /^aws:/i.test(value) ? invalidParameter('SourceIdentity must not begin with aws:.') : value;
}

/** `ExternalId` is checked and, as no trust policy of the sandbox asks for one, otherwise without effect. */
export function externalIdFault(parameters: Parameters): Fault | null {
  const value = parameters.get('ExternalId');
  const rule = { at: 'externalId', min: 2, max: 1_224, pattern: EXTERNAL_ID };
  return value === undefined ? null : textFault(value, rule);
}

/** What the length of a session depends on, in seconds. `chained`: the caller is itself a role session. */
export interface LengthRules {
  readonly roleMaximum: number;
  readonly chained: 'chained' | 'direct';
}

/** The session's length in seconds. Role chaining allows an hour, and asking for more is an error, not a cap. */
export function readDuration(parameters: Parameters, rules: LengthRules): number | Fault {
  const value = parameters.get('DurationSeconds');
  if (value === undefined) return Math.min(DEFAULT_SECONDS, rules.roleMaximum);
  if (!/^\d{1,9}$/.test(value)) return fault('MalformedInput', 400, 'DurationSeconds is not a whole number.');
  const seconds = Number(value);
  const at = 'durationSeconds';
  if (seconds < MIN_SECONDS) return broken(value, at, `Member must have value greater than or equal to ${MIN_SECONDS}`);
  if (seconds > MAX_SECONDS) return broken(value, at, `Member must have value less than or equal to ${MAX_SECONDS}`);
  if (rules.chained === 'chained' && seconds > DEFAULT_SECONDS) {
    return invalidParameter(
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  }
  if (seconds > rules.roleMaximum) {
    return invalidParameter('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  }
  return seconds;
}

/** The text of the session policy, null where there is none. It has been read and found acceptable. */
export function readSessionPolicy(cloud: Cloud, parameters: Parameters): string | null | Fault {
  const source = parameters.get('Policy');
  if (source === undefined) return null;
  const rule = { at: 'policy', min: 1, max: SESSION_POLICY_LIMIT, pattern: POLICY_CHARACTERS };
  const problem = textFault(source, rule);
  if (problem !== null) return problem;
  const policy = cloud.readPolicy(source);
  return isFault(policy) ? policy : source;
}

/** Checks a list of tags: at most 50, keys unique without regard to case, `aws:` reserved. */
export function checkTags(tags: readonly SessionTag[]): Fault | null {
  if (tags.length > MAX_TAGS) return broken(null, 'tags', `Member must have length less than or equal to ${MAX_TAGS}`);
  const seen = new Set<string>();
  for (const { key, value } of tags) {
    const problem =
      textFault(key, { at: 'tags.key', min: 1, max: 128, pattern: TAG_CHARACTERS }) ??
      textFault(value, { at: 'tags.value', min: 0, max: 256, pattern: TAG_CHARACTERS });
    if (problem !== null) return problem;
    const folded = key.toLowerCase();
    if (folded.startsWith('aws:')) return invalidParameter('Tag keys must not begin with aws:.');
    if (seen.has(folded)) {
      const message = 'Duplicate tag keys found. Please note that Tag keys are case insensitive.';
      return fault('InvalidParameterValue', 400, message);
    }
    seen.add(folded);
  }
  return null;
}

/** How much of the packed space policy and tags take, in whole percent, or `PackedPolicyTooLarge`. */
export function packedSize(policy: string | null, tags: readonly SessionTag[]): number | null | Fault {
  if (policy === null && tags.length === 0) return null;
  const plain = JSON.stringify([policy, tags.map(({ key, value }) => [key, value])]);
  // The smallest window and memory: the number need not be good, only the same each time, and it is in everybody's way.
  const size =
    plain.length < 256 ? plain.length : deflateRawSync(plain, { windowBits: 11, memLevel: 3, level: 1 }).length;
  const percent = Math.ceil((100 * size) / PACKED_LIMIT);
  return percent <= 100
    ? percent
    : fault('PackedPolicyTooLarge', 400, `Packed policy consumes ${percent}% of allotted space`);
}
