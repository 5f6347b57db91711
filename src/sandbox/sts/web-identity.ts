/**
 * AssumeRoleWithWebIdentity: no signature, but a token of a trusted issuer.
 * Source: STS API reference, AssumeRoleWithWebIdentity.
 * @module
 */
import { fault, invalidParameter, isFault } from '../fault.ts';
import type { Answer, Call } from '../query-api.ts';
import { providerArn } from '../world.ts';
import { field } from '../xml.ts';
import { sessionAnswer } from './answer.ts';
import { bearerRefusal } from './entry.ts';
import {
  checkTags,
  readDuration,
  readRoleArn,
  readSessionName,
  readSessionPolicy,
  readSourceIdentity,
} from './validate.ts';

const LONGEST_TOKEN = 20_000;

/** Answers with credentials of the role. Tags and source identity come from the token alone. */
export async function assumeRoleWithWebIdentity(call: Call): Promise<Answer> {
  const { cloud, parameters } = call;
  const arn = readRoleArn(parameters);
  if (isFault(arn)) return arn;
  const name = readSessionName(parameters);
  if (isFault(name)) return name;
  const policy = readSessionPolicy(cloud, parameters);
  if (isFault(policy)) return policy;
  const encoded = parameters.get('WebIdentityToken') ?? '';
  if (encoded.length < 4 || encoded.length > LONGEST_TOKEN) {
    return invalidParameter(`WebIdentityToken must have a length from 4 to ${LONGEST_TOKEN}.`);
  }
  const role = [...cloud.world.roles.values()].find((one) => one.arn === arn);
  const roleMaximum = role?.maxSessionSeconds ?? Number.POSITIVE_INFINITY;
  const seconds = readDuration(parameters, { roleMaximum, chained: 'direct' });
  if (isFault(seconds)) return seconds;
  const token = await cloud.verifyIdentityToken(encoded, cloud.now());
  if (isFault(token)) return token;
  const sourceIdentity = readSourceIdentity(token.sourceIdentity);
  if (isFault(sourceIdentity)) return sourceIdentity;
  const problem = checkTags(token.tags);
  if (problem !== null) return problem;
  if (role === undefined) return fault('AccessDenied', 403, 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
  const { tags } = token;
  const refused = bearerRefusal({ role, sessionName: name, tags, sourceIdentity, externalId: null }, token);
  if (refused !== null) return refused;
  const answer = sessionAnswer(cloud, { role, name, seconds, policy, tags, sourceIdentity });
  if (isFault(answer)) return answer;
  return [
    answer,
    field('SubjectFromWebIdentityToken', token.subject),
    field('Provider', providerArn(token.issuer)),
    field('Audience', token.audience),
  ].join('');
}
