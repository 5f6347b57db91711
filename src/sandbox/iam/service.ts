/**
 * Identity and Access Management, as far as revocation uses it: the inline policies of roles.
 * Source: IAM API reference, PutRolePolicy, DeleteRolePolicy, GetRolePolicy, GetRole; IAM quotas.
 * @module
 */
import { fault, invalidParameter, isFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { isoSeconds, refusal } from '../principal.ts';
import type { Answer, Service, SignedCall } from '../query-api.ts';
import { SANDBOX_ACCOUNT } from '../world.ts';
import type { Role } from '../world.ts';
import { element, field } from '../xml.ts';

/** Characters of all inline policies of a role together; whitespace is not counted. */
export const INLINE_POLICY_LIMIT = 10_240;

const NAME = /^[\w+=,.@-]+$/;
const MAX_ROLE_NAME = 64;
const MAX_POLICY_NAME = 128;
// Roles of the sandbox were never created; clients still want a date.
const CREATED = isoSeconds(0);

/** The role that a call names, once the caller is known to be allowed to touch it. */
function roleFor(call: SignedCall, action: string): Role | Fault {
  const { cloud, parameters, principal } = call;
  const name = parameters.get('RoleName') ?? '';
  if (!NAME.test(name) || name.length > MAX_ROLE_NAME) return invalidParameter('RoleName is missing or malformed.');
  const resource = `arn:aws:iam::${SANDBOX_ACCOUNT}:role/${name}`;
  const refused = refusal(cloud, principal, { action, resource, shown: `role ${name}` });
  if (refused !== null) return refused;
  return cloud.world.roles.get(name) ?? fault('NoSuchEntity', 404, `The role with name ${name} cannot be found.`);
}

function policyName(call: SignedCall): string | Fault {
  const name = call.parameters.get('PolicyName') ?? '';
  const fits = NAME.test(name) && name.length <= MAX_POLICY_NAME;
  return fits ? name : invalidParameter('PolicyName is missing or malformed.');
}

function noSuchPolicy(name: string): Fault {
  return fault('NoSuchEntity', 404, `The role policy with name ${name} cannot be found.`);
}

function countedCharacters(document: string): number {
  return document.replace(/\s/g, '').length;
}

/** Puts changed policies into force, unless they cannot be kept: then nothing has changed. */
function apply(call: SignedCall, role: Role, inline: Role['inline']): null {
  const { world, persist } = call.cloud;
  const before = { inline: role.inline, revision: world.revision };
  role.inline = inline;
  world.revision += 1;
  try {
    persist();
  } catch (error) {
    role.inline = before.inline;
    world.revision = before.revision;
    throw error;
  }
  return null;
}

function putRolePolicy(call: SignedCall): Answer {
  const name = policyName(call);
  if (isFault(name)) return name;
  const role = roleFor(call, 'iam:PutRolePolicy');
  if (isFault(role)) return role;
  const document = call.parameters.get('PolicyDocument') ?? '';
  if (!/^[\u0009\u000a\u000d\u0020-\u00ff]+$/.test(document)) {
    return invalidParameter('PolicyDocument is missing or has characters that are not allowed.');
  }
  const others = [...role.inline].filter(([other]) => other !== name);
  const total = others.reduce((sum, [, other]) => sum + countedCharacters(other.document), countedCharacters(document));
  if (total > INLINE_POLICY_LIMIT) {
    const message = `Maximum policy size of ${INLINE_POLICY_LIMIT} bytes exceeded for role ${role.name}`;
    return fault('LimitExceeded', 409, message);
  }
  const policy = call.cloud.readPolicy(document);
  if (isFault(policy)) return policy;
  return apply(call, role, new Map([...others, [name, { document, policy }]]));
}

function deleteRolePolicy(call: SignedCall): Answer {
  const name = policyName(call);
  if (isFault(name)) return name;
  const role = roleFor(call, 'iam:DeleteRolePolicy');
  if (isFault(role)) return role;
  const others = [...role.inline].filter(([other]) => other !== name);
  return others.length < role.inline.size ? apply(call, role, new Map(others)) : noSuchPolicy(name);
}

/** Documents are answered percent-encoded (RFC 3986), as AWS does. */
function encodedDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function getRolePolicy(call: SignedCall): Answer {
  const name = policyName(call);
  if (isFault(name)) return name;
  const role = roleFor(call, 'iam:GetRolePolicy');
  if (isFault(role)) return role;
  const found = role.inline.get(name);
  if (found === undefined) return noSuchPolicy(name);
  const document = field('PolicyDocument', encodedDocument(found.document));
  return field('RoleName', role.name) + field('PolicyName', name) + document;
}

function getRole(call: SignedCall): Answer {
  const role = roleFor(call, 'iam:GetRole');
  if (isFault(role)) return role;
  return element(
    'Role',
    field('Path', '/'),
    field('RoleName', role.name),
    field('RoleId', role.id),
    field('Arn', role.arn),
    field('CreateDate', CREATED),
    field('AssumeRolePolicyDocument', encodedDocument(role.trustDocument)),
    field('Description', 'This role exists in the jit sandbox only, not in AWS'),
    field('MaxSessionDuration', role.maxSessionSeconds),
  );
}

/** The service as the Query protocol serves it. */
export const IAM: Service = {
  name: 'iam',
  version: '2010-05-08',
  namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
  actions: new Map([
    ['PutRolePolicy', { kind: 'signed', parameters: /^(?:RoleName|PolicyName|PolicyDocument)$/, run: putRolePolicy }],
    ['DeleteRolePolicy', { kind: 'signed', parameters: /^(?:RoleName|PolicyName)$/, run: deleteRolePolicy }],
    ['GetRolePolicy', { kind: 'signed', parameters: /^(?:RoleName|PolicyName)$/, run: getRolePolicy }],
    ['GetRole', { kind: 'signed', parameters: /^RoleName$/, run: getRole }],
  ]),
};
