/**
 * The contract of providers for AWS, at the sandbox, which enforces policies and signatures, through the real SDK.
 * @module
 */
import { setTimeout } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { Credential } from '../../../src/core/credential.ts';
import type { Order, Provider } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';
import { startSandbox } from '../../../src/sandbox/start.ts';
import { REPORTS_BUCKET, REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../../src/sandbox/world.ts';
import { providerContract } from '../contract/contract.ts';
import { openGate } from '../contract/http-gate.ts';
import type { Answer } from '../contract/http-gate.ts';
import type { Hostile, Rig } from '../contract/rig.ts';
import { makeIssuer, tempFolder } from './support.ts';

const OBJECT = `arn:aws:s3:::${REPORTS_BUCKET}/hello.txt`;
const READ: Permission = { target: 's', operation: 's3:GetObject', actions: ['s3:GetObject'], resources: [OBJECT] };
const WRITE: Permission = {
  target: 's',
  operation: 's3:PutObject',
  actions: ['s3:PutObject'],
  resources: [`arn:aws:s3:::${REPORTS_BUCKET}/written.txt`],
};

const hostile: readonly Hostile[] = (
  [
    ['every action', { actions: ['*'] }],
    ['every action of a service', { actions: ['s3:*'] }],
    ['an action that does not exist', { actions: ['s3:GetObjekt'] }],
    ['an action with a policy behind it', { actions: ['s3:GetObject","s3:PutObject'] }],
    ['an action that gives credentials of its own', { actions: ['sts:AssumeRole'], resources: [SANDBOX_ROLE_ARN] }],
    ['every resource', { resources: ['*'] }],
    ['the role of another account', { actions: ['iam:GetRole'], resources: ['arn:aws:iam::111122223333:role/x'] }],
    ['a resource of another kind', { resources: ['arn:aws:sqs:us-east-1:000000000000:queue'] }],
    ['a policy variable', { resources: [`arn:aws:s3:::${REPORTS_BUCKET}/\${aws:username}`] }],
    ['no resource', { resources: [''] }],
  ] as const
).map(([what, changes]) => ({ what, permission: { ...READ, ...changes } }));

const fault = (status: number, code: string): Answer => ({
  status,
  type: 'text/xml',
  body:
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error>` +
    '<RequestId>r</RequestId></ErrorResponse>',
});

async function openRig(): Promise<Rig<AwsTarget>> {
  const folder = await tempFolder();
  const issuer = await makeIssuer(folder.path, Date.now);
  const { signer } = issuer;
  const sandbox = await startSandbox({
    port: 0,
    state: null,
    issuers: [{ issuer: signer.issuer, audience: 'sts.amazonaws.com', jwks: issuer.jwks() }],
    now: Date.now,
  });
  const gate = await openGate(sandbox.url, {
    throttled: fault(400, 'Throttling'),
    denied: fault(403, 'AccessDenied'),
  });
  const place = { endpoint: sandbox.url, region: 'us-east-1', maxAttempts: 1 };
  const operator = sandbox.operator.expose();
  const fresh = (): Provider<AwsTarget> =>
    awsProvider({ now: Date.now, signer, ambient: async () => await Promise.resolve(operator) });
  const provider = fresh();
  const target = provider.parseTarget('s', {
    provider: 'aws',
    role: SANDBOX_ROLE_ARN,
    revoker: REVOKER_ROLE_ARN,
    region: 'us-east-1',
    environment: 'sandbox',
    endpoint: gate.url,
    credentials: 'web-identity',
    sandbox: true,
  });

  const tried = async (client: S3Client, { operation, resources }: Permission): Promise<boolean> => {
    const Key = resources[0]?.split('/').at(-1) ?? '';
    const where = { Bucket: REPORTS_BUCKET, Key };
    try {
      await (operation === 's3:GetObject'
        ? client.send(new GetObjectCommand(where))
        : client.send(new PutObjectCommand({ ...where, Body: 'x' })));
      return true;
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'AccessDenied') return false;
      throw thrown;
    }
  };

  return {
    provider,
    restarted: fresh,
    neighbour: { without: 'sessions belong to a grant and to no broker' },
    target,
    other: { without: 'the sandbox has one role for grants' },
    principal: { kind: 'user', issuer: 'https://idp.example', subject: 'u1', name: 'ann@example.com', groups: [] },
    permission: READ,
    second: WRITE,
    hostile,
    canaries: [operator.secretAccessKey],
    now: Date.now,
    time: 'real',
    passTo: async (at) => await setTimeout(Math.max(0, at - Date.now())),
    shortMs: 2_500,
    works: async (credential: Credential, { permissions }: Order) => {
      if (credential.kind !== 'aws') return false;
      const client = new S3Client({ ...place, forcePathStyle: true, credentials: credential.secret.expose() });
      const answers = await Promise.all(permissions.map(async (one) => await tried(client, one)));
      return answers.every(Boolean);
    },
    objects: async () => {
      const sts = new STSClient({ ...place, credentials: operator });
      const entered = await sts.send(new AssumeRoleCommand({ RoleArn: REVOKER_ROLE_ARN, RoleSessionName: 'test' }));
      const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = entered.Credentials ?? {};
      const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
      const command = new GetRolePolicyCommand({ RoleName: 'jit-sandbox', PolicyName: 'JitRevoked' });
      try {
        const { PolicyDocument = '' } = await new IAMClient({ ...place, credentials }).send(command);
        return decodeURIComponent(PolicyDocument).match(/gr_[0-9a-z]{26}/g) ?? [];
      } catch (thrown) {
        if (/NoSuchEntity|cannot be found/.test(String(thrown))) return [];
        throw thrown;
      }
    },
    leaves: { without: 'a session leaves nothing at AWS that could be seen' },
    removeByHand: { without: 'nobody can end a session at AWS' },
    plantForeign: { without: 'sessions have no names that somebody else could take' },
    endsByItself: 'yes',
    calls: gate.calls,
    outage: gate.outage,
    close: async () => {
      await gate.close();
      await sandbox.close();
      await folder.remove();
    },
  };
}

providerContract('aws, at the sandbox', openRig);
