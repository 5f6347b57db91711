/**
 * The part of STS and IAM that revocation uses, in memory: sessions carry their tag, and the role's policy denies by it.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { answerJson } from '../../fakes/aws-json.ts';
import type { JsonService } from '../../fakes/aws-json.ts';
import { fieldsOf, serve } from './support.ts';
import type { TestServer } from './support.ts';

/** What it can be told to do. */
export interface Mood {
  /** Answers DecodeAuthorizationMessage: by the policy, or in a way of its own. */
  decode: 'by policy' | 'denied to all' | 'not implemented' | 'broken' | 'unknown action';
  /** Whether the policy that was put is in effect. */
  inEffect: 'at once' | 'later';
  put: 'taken' | 'refused' | 'no such role' | 'full' | 'broken';
  /** Whether probes get their session. */
  assume: 'granted' | 'refused';
}

export interface FakeAws extends TestServer {
  readonly mood: Mood;
  /** Every policy text that was put, and null for a removal. */
  readonly puts: (string | null)[];
  readonly calls: Map<string, number>;
  /** The session policies of the revoker, as they were asked for. */
  readonly revokerPolicies: Set<string>;
  /** Managed policies by ARN; `null`: the broker may not read it. Two calls read one, which are both needed. */
  readonly policies: Map<string, string | null>;
  /** The fields of each AssumeRole for a grant. */
  readonly assumed: URLSearchParams[];
  /** Makes what was put take effect. */
  settle(): void;
  /** How many PutRolePolicy and DeleteRolePolicy were under way at once, at most. */
  peak(): number;
}

const POLICY = z.object({
  Statement: z.array(
    z.object({
      Condition: z.object({
        StringEquals: z.record(z.string(), z.array(z.string())).optional(),
        DateLessThan: z.record(z.string(), z.string()).optional(),
      }),
    }),
  ),
});

/** @param services others at the same address. */
export async function fakeAws(now: () => number, services: readonly JsonService[] = []): Promise<FakeAws> {
  const mood: Mood = { decode: 'by policy', inEffect: 'at once', put: 'taken', assume: 'granted' };
  const puts: (string | null)[] = [];
  const calls = new Map<string, number>();
  const revokerPolicies = new Set<string>();
  const policies = new Map<string, string | null>();
  const assumed: URLSearchParams[] = [];
  let effective: string | null = null;
  let writing = 0;
  let peak = 0;

  const denies = (asking: { tag: string; at: number }): boolean => {
    if (effective === null) return false;
    return POLICY.parse(JSON.parse(effective)).Statement.some(({ Condition }) => {
      const tags = Condition.StringEquals?.['aws:PrincipalTag/jit-grant'] ?? [];
      const before = Condition.DateLessThan?.['aws:TokenIssueTime'];
      return tags.includes(asking.tag) || (before !== undefined && asking.at < Date.parse(before));
    });
  };

  const decode = (response: ServerResponse, token: string): void => {
    const [tag = '', at = '0'] = token.split(' ');
    const denial =
      'User: arn:aws:sts::123456789012:assumed-role/jit-web/jit-probe is not authorized to perform: sts:DecodeAuthorizationMessage';
    switch (mood.decode) {
      case 'broken':
        return fault(response, 500, 'InternalFailure', 'x');
      case 'not implemented':
        return fault(response, 501, 'NotImplemented', 'x');
      case 'unknown action':
        return fault(response, 400, 'InvalidAction', 'x');
      case 'denied to all':
        return fault(response, 403, 'AccessDenied', `${denial} with an explicit deny in an identity-based policy`);
      case 'by policy':
        return denies({ tag, at: Number(at) })
          ? fault(
              response,
              403,
              'AccessDenied',
              `${denial} with an explicit deny in an identity-based policy: arn:aws:iam::x`,
            )
          : fault(response, 403, 'AccessDenied', `${denial} because no identity-based policy allows it`);
    }
  };

  const readPolicy = (response: ServerResponse, fields: URLSearchParams): void => {
    const text = policies.get(fields.get('PolicyArn') ?? '');
    if (text === undefined) return fault(response, 404, 'NoSuchEntity', 'x');
    if (text === null)
      return fault(response, 403, 'AccessDenied', 'User: x is not authorized to perform: iam:GetPolicy');
    const action = fields.get('Action') ?? '';
    const body =
      action === 'GetPolicy'
        ? '<Policy><DefaultVersionId>v7</DefaultVersionId></Policy>'
        : `<PolicyVersion><VersionId>v7</VersionId><Document>${encodeURIComponent(text)}</Document></PolicyVersion>`;
    if (action === 'GetPolicyVersion' && fields.get('VersionId') !== 'v7')
      return fault(response, 404, 'NoSuchEntity', 'x');
    reply(
      response,
      200,
      `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${body}</${action}Result></${action}Response>`,
    );
  };

  const write = async (response: ServerResponse, text: string | null): Promise<void> => {
    writing += 1;
    peak = Math.max(peak, writing);
    await new Promise((resolve) => setImmediate(resolve));
    writing -= 1;
    switch (mood.put) {
      case 'refused':
        return fault(response, 403, 'AccessDenied', 'User: x is not authorized to perform: iam:PutRolePolicy');
      case 'no such role':
        return fault(response, 404, 'NoSuchEntity', 'x');
      case 'broken':
        return fault(response, 500, 'ServiceFailure', 'x');
      case 'full':
        // Other policies of the role leave room for a short one only.
        if ((text ?? '').length > 1_000) return fault(response, 409, 'LimitExceeded', 'x');
        break;
      case 'taken':
    }
    puts.push(text);
    if (mood.inEffect === 'at once') effective = text;
    reply(response, 200, '<PutRolePolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"/>');
  };

  const server = await serve((request, response) => {
    const answer = async (): Promise<void> => {
      if (await answerJson(services, request, response)) return;
      const fields = await fieldsOf(request);
      const action = fields.get('Action') ?? '';
      const role = fields.get('RoleArn') ?? '';
      const counted = action === 'AssumeRole' && fields.get('Tags.member.1.Key') === null ? 'AssumeRevoker' : action;
      calls.set(counted, (calls.get(counted) ?? 0) + 1);
      switch (action) {
        case 'AssumeRole': {
          if (counted === 'AssumeRole') assumed.push(fields);
          if (counted === 'AssumeRevoker') revokerPolicies.add(fields.get('Policy') ?? '');
          if (mood.assume === 'refused') return fault(response, 403, 'AccessDenied', 'x');
          const token = `${fields.get('Tags.member.1.Value') ?? 'none'} ${now()}`;
          return reply(response, 200, session(fields, role, token, now()));
        }
        case 'DecodeAuthorizationMessage':
          return decode(response, String(request.headers['x-amz-security-token']));
        case 'GetPolicy':
        case 'GetPolicyVersion':
          return readPolicy(response, fields);
        case 'PutRolePolicy':
          return await write(response, fields.get('PolicyDocument'));
        case 'DeleteRolePolicy':
          return await write(response, null);
        default:
          return fault(response, 400, 'InvalidAction', 'x');
      }
    };
    void answer();
  });
  return {
    ...server,
    mood,
    puts,
    calls,
    revokerPolicies,
    policies,
    assumed,
    settle: () => {
      effective = puts.at(-1) ?? null;
    },
    peak: () => peak,
  };
}

function session(fields: URLSearchParams, role: string, token: string, now: number): string {
  const name = role.slice(role.lastIndexOf('/') + 1);
  const ends = new Date(now + Number(fields.get('DurationSeconds')) * 1_000).toISOString();
  return (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>' +
    `<AccessKeyId>ASIAFAKE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>${token}</SessionToken>` +
    `<Expiration>${ends}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:x</AssumedRoleId><Arn>` +
    `arn:aws:sts::123456789012:assumed-role/${name}/${fields.get('RoleSessionName') ?? ''}</Arn></AssumedRoleUser>` +
    '</AssumeRoleResult></AssumeRoleResponse>'
  );
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(body);
}

function fault(response: ServerResponse, status: number, code: string, message: string): void {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  reply(response, status, `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>`);
}
