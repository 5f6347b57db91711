/**
 * `jit-broker init aws` as a function, and what it printed.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parse } from 'yaml';
import { initAws, type InitAwsFlags } from '../../src/jit-broker/init-aws.ts';
import { openOutput } from '../../src/jit-broker/output.ts';
import { tempFolder } from '../support/home.ts';

export const ACCOUNT = '123456789012';
export const ISSUER = 'https://jit.example.com/eu';
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/jit-web`;
export const REVOKER = `arn:aws:iam::${ACCOUNT}:role/jit-web-revoker`;
export const POLICY = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Web',
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject'],
      // What a template, a shell or a parser could take for its own.
      Resource: ['arn:aws:s3:::web-${aws:PrincipalTag/team}/%{x}/$${y}/$$${z}/*', 'arn:aws:s3:::"q\'\\é: #/*'],
      Condition: { StringLike: { 's3:prefix': ['yes', 'null', '0x1f', '2026-01-01', ''] } },
    },
    { Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': true } } },
  ],
};

const USUAL = { account: ACCOUNT, region: 'eu-west-1', environment: 'prod', roleName: 'jit-web' };

/** Runs it in this process. Its stdout and stderr; throws what it throws, and then nothing was printed. */
export async function print(
  flags: Partial<InitAwsFlags>,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const to = (take: (text: string) => void) => ({ write: (text: string) => (take(text), true) });
  // Safe: the output only writes.
  const out = openOutput(
    'human',
    to((text) => (stdout += text)) as NodeJS.WritableStream,
    to((text) => (stderr += text)) as NodeJS.WritableStream,
  );
  await initAws({ ...USUAL, ...flags }, out).catch((thrown: unknown) => {
    assert.deepEqual([stdout, stderr], ['', '']);
    throw thrown;
  });
  return { stdout, stderr };
}

export function policyFile(t: TestContext, policy: unknown = POLICY): string {
  const file = join(tempFolder(t), 'policy.json');
  writeFileSync(file, typeof policy === 'string' ? policy : JSON.stringify(policy));
  return file;
}

export interface Template {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> }>
  >;
}

export async function template(flags: Partial<InitAwsFlags>): Promise<Template> {
  // Safe: a template of another shape fails the assertions on it.
  return parse((await print({ format: 'cloudformation', ...flags })).stdout, { version: '1.1' }) as Template;
}

export const property = ({ Resources }: Template, resource: string, name: string): unknown =>
  Resources[resource]?.Properties[name];
