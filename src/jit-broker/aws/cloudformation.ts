/**
 * An account's part of jit as a CloudFormation template.
 * Sources: CloudFormation template reference, AWS::IAM::OIDCProvider, AWS::IAM::Role, AWS::IAM::ManagedPolicy.
 * @module
 */
import type { Account, NamedPolicy } from './account.ts';
import type { Json } from './role-policy.ts';
import { yamlLines } from './yaml.ts';

/** @param notes lines for whoever reads it, put in front. Ends with a newline. */
export function cloudFormation(account: Account, notes: readonly string[]): string {
  const { provider, role, maximum, guard, revoker, broker } = account;
  const made = 'document' in maximum;
  // Names are fixed, so that ARNs can be written out: AWS makes the provider before a role that trusts it, and no cycle arises.
  const after = provider === null ? {} : { DependsOn: 'JitProvider' };
  const template: Record<string, Json> = {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `What jit needs to issue on ${role.name} and to revoke`,
    Resources: {
      ...(provider === null
        ? {}
        : {
            JitProvider: {
              Type: 'AWS::IAM::OIDCProvider',
              Properties: { Url: provider.url, ClientIdList: [provider.audience] },
            },
          }),
      ...(made ? { JitMaximum: managed(maximum) } : {}),
      JitGuard: managed(guard),
      JitRole: {
        Type: 'AWS::IAM::Role',
        ...after,
        Properties: {
          RoleName: role.name,
          Description: 'Sessions of grants of jit',
          MaxSessionDuration: 3_600,
          AssumeRolePolicyDocument: role.trust,
          ManagedPolicyArns: [made ? { Ref: 'JitMaximum' } : maximum.arn, { Ref: 'JitGuard' }],
          PermissionsBoundary: made ? { Ref: 'JitMaximum' } : maximum.arn,
        },
      },
      JitRevoker: {
        Type: 'AWS::IAM::Role',
        ...after,
        Properties: {
          RoleName: revoker.name,
          Description: `Ends access of grants of jit on ${role.name}`,
          MaxSessionDuration: 3_600,
          AssumeRolePolicyDocument: revoker.trust,
          Policies: [{ PolicyName: 'JitRevoke', PolicyDocument: revoker.policy }],
        },
      },
      ...(broker === null || broker.place === 'elsewhere'
        ? {}
        : { JitBroker: managed(broker.policy, { Roles: [broker.role.name] }) }),
    },
    Outputs: {
      Role: { Value: { 'Fn::GetAtt': ['JitRole', 'Arn'] } },
      Revoker: { Value: { 'Fn::GetAtt': ['JitRevoker', 'Arn'] } },
    },
  };
  return `${[...notes.map((line) => `# ${line}`.trimEnd()), ...yamlLines(template)].join('\n')}\n`;
}

function managed({ name, description, document }: NamedPolicy, further: { readonly [name: string]: Json } = {}): Json {
  return {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: { ManagedPolicyName: name, Description: description, PolicyDocument: document, ...further },
  };
}
