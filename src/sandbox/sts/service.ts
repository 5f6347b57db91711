/**
 * The Security Token Service, as far as jit uses it.
 * @module
 */
import { fault, invalidParameter } from '../fault.ts';
import { refusal } from '../principal.ts';
import type { Answer, Service, SignedCall } from '../query-api.ts';
import { SANDBOX_ACCOUNT } from '../world.ts';
import { field } from '../xml.ts';
import { assumeRole } from './assume-role.ts';
import { assumeRoleWithWebIdentity } from './web-identity.ts';

/** Needs no permission, and no policy can take it away. Source: STS API reference, GetCallerIdentity. */
function getCallerIdentity({ principal }: SignedCall): Answer {
  return field('Arn', principal.arn) + field('UserId', principal.userId) + field('Account', SANDBOX_ACCOUNT);
}

/** The sandbox writes no encoded messages, so whoever may ask learns only that theirs is not one. */
function decodeAuthorizationMessage({ cloud, parameters, principal }: SignedCall): Answer {
  const message = parameters.get('EncodedMessage') ?? '';
  if (message.length < 1 || message.length > 10_240) {
    return invalidParameter('EncodedMessage must have a length from 1 to 10240.');
  }
  const wish = { action: 'sts:DecodeAuthorizationMessage', resource: '*', shown: null };
  return refusal(cloud, principal, wish) ?? fault('InvalidAuthorizationMessageException', 400, 'Message is not valid');
}

/** The service as the Query protocol serves it. */
export const STS: Service = {
  name: 'sts',
  version: '2011-06-15',
  namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  actions: new Map([
    [
      'AssumeRole',
      {
        kind: 'signed',
        parameters:
          /^(?:RoleArn|RoleSessionName|Policy|DurationSeconds|ExternalId|SourceIdentity|Tags\.member\.\d{1,3}\.(?:Key|Value)|TransitiveTagKeys\.member\.\d{1,3})$/,
        run: assumeRole,
      },
    ],
    [
      'AssumeRoleWithWebIdentity',
      {
        kind: 'open',
        parameters: /^(?:RoleArn|RoleSessionName|WebIdentityToken|Policy|DurationSeconds)$/,
        run: assumeRoleWithWebIdentity,
      },
    ],
    ['GetCallerIdentity', { kind: 'signed', parameters: /^(?!)$/, run: getCallerIdentity }],
    ['DecodeAuthorizationMessage', { kind: 'signed', parameters: /^EncodedMessage$/, run: decodeAuthorizationMessage }],
  ]),
};
