/**
 * Who may sign in, as the configuration file says it: entries that contradict each other are refused when it is read.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { JitError } from '../../../src/core/errors.ts';

/** An entry of AWS with this line, and another. */
const file = (aws: string, other: string): string => `identity:
  cloud:
    type: aws
    accounts: ['123456789012']
    roles: ['arn:aws:iam::123456789012:role/ci']
    regions: [eu-west-1]
    ${aws}
  other:
    ${other}
`;

const oidc = (issuer: string): string => `{ type: oidc, issuer: '${issuer}', client_id: jit }`;
const jwt = (issuer: string): string => `{ type: jwt, issuer: '${issuer}', require: { sub: ci } }`;
const spiffe = '{ type: spiffe, trust_domain: example.org, paths: /*, keys: { file: /bundle } }';
const aws = `{ type: aws, accounts: ['210987654321'], users: ['arn:aws:iam::210987654321:user/*'], regions: [us-east-1], issuer: x }`;

function refusal(text: string): string {
  try {
    parseBrokerConfig(text, 'broker.yaml');
  } catch (thrown) {
    assert.ok(thrown instanceof JitError && thrown.code === 'ERR_CONFIG');
    return thrown.message;
  }
  return 'none';
}

test('nobody else may vouch under the issuer of an entry of AWS, whether it was given or is the usual one', () => {
  const message =
    /^broker\.yaml:9:?.* it has the issuer of cloud, so that its subjects could pass for identities of AWS: give cloud an issuer of its own$/;
  for (const [line, other] of [
    ['issuer: https://id.example.com', oidc('https://id.example.com')],
    ['issuer: https://ci.example.com', jwt('https://ci.example.com')],
    ['issuer: spiffe://example.org', spiffe],
    [
      'issuer: https://token.actions.githubusercontent.com',
      "{ type: github, repository_ids: ['1'], repository_owner_ids: ['2'] }",
    ],
    ['groups: []', jwt('https://sts.amazonaws.com/123456789012')],
  ] as const) {
    assert.match(refusal(file(line, other)), message, line);
  }
});

test("entries of AWS may share an issuer, and other issuers are nobody's business", () => {
  assert.equal(refusal(file('issuer: x', aws)), 'none');
  assert.equal(refusal(file('issuer: aws', jwt('https://sts.amazonaws.com/123456789012'))), 'none');
  assert.equal(refusal(file('groups: []', oidc('https://id.example.com'))), 'none');
});
