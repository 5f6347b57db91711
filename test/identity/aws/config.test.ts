/**
 * The entry of the configuration, and whom it lets in of those for whom STS vouches.
 * @module
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { awsIssuerLabel, awsProviderSchema, makeAwsVerifier } from '../../../src/identity/aws/config.ts';
import type { Named } from './support.ts';
import { BINDING, broker, cannedSts, entryText, identityXml, prove, refusal } from './support.ts';

const ACCOUNT = '123456789012';
const role = (name: string, account = ACCOUNT): string => `arn:aws:iam::${account}:role/${name}`;
const session = (name: string, id: string, account = ACCOUNT): Named => ({
  arn: `arn:aws:sts::${account}:assumed-role/${name}/run-1`,
  userId: `${id}:run-1`,
  account,
});
const OLD = 'AROAOLDOLDOLDOLDOLD01';
const NEW = 'AROANEWNEWNEWNEWNEW02';
const alice: Named = { arn: `arn:aws:iam::${ACCOUNT}:user/staff/alice`, userId: 'AIDAEXAMPLEEXAMPLE123' };

async function enter(t: TestContext, named: Named, ...changes: readonly object[]) {
  const sts = await cannedSts(t, () => ({ body: identityXml(named) }));
  const entries = changes.map((change) => entryText({ endpoint: sts.url, ...change }));
  return broker({ entries })(await prove(), BINDING);
}

const WRONG: readonly (readonly [string, object, RegExp])[] = [
  ['no accounts', { accounts: [] }, /accounts/],
  ['an account that YAML read as a number', { accounts: [123456789012] }, /twelve digits in quotes/],
  ['nobody named', { roles: [] }, /name roles, users or ids/],
  [
    'a role of an account that is not listed',
    { roles: [role('x', '999999999999')] },
    /account 999999999999 is not among/,
  ],
  ['a role of a partition without a region', { roles: ['arn:aws-cn:iam::123456789012:role/x'] }, /partition aws-cn/],
  ['the ARN of a session', { roles: ['arn:aws:sts::123456789012:assumed-role/x/y'] }, /write it like/],
  ['a user among the roles', { roles: [alice.arn] }, /write it like/],
  ['a pattern in a name', { roles: [role('ci-*')] }, /write it like/],
  ['all roles of a path, which sessions do not show', { roles: [role('team/*')] }, /write it like/],
  ['a unique id of something else', { ids: ['ANPAEXAMPLEEXAMPLE123'] }, /unique id/],
  ['no regions', { regions: [] }, /regions/],
  ['the global endpoint', { regions: ['aws-global'] }, /a region such as/],
  ['a host as a region', { regions: ['eu-west-1.evil.example'] }, /a region such as/],
  ['plain http to another machine', { endpoint: 'http://sts.internal.example' }, /https/],
  ['an endpoint with a path', { endpoint: 'https://sts.internal.example/x' }, /https/],
  ['an endpoint with a user', { endpoint: 'https://a:b@sts.internal.example' }, /https/],
  ['an endpoint with a query', { endpoint: 'https://sts.internal.example/?' }, /https/],
  ['people', { kind: 'user' }, /kind/],
  ['a control character in a group', { groups: ['a\u0007'] }, /groups/],
  ['a field of another kind of entry', { audience: 'x' }, /audience/],
];

for (const [what, changes, message] of WRONG) {
  test(`an entry with ${what} is refused when it is read`, () => {
    const parsed = awsProviderSchema.safeParse(entryText(changes));
    assert.match(JSON.stringify(parsed.error?.issues), message);
  });
}

test('one region has one STS: two entries cannot disagree about it', () => {
  const entries = [entryText(), entryText({ endpoint: 'https://vpce-1.example' })];
  const disagree = (): unknown => broker({ entries });
  assert.throws(disagree, (thrown) => thrown instanceof JitError && thrown.code === 'ERR_CONFIG');
});

test('an audience that cannot be signed is a fault of the configuration', () => {
  const make = (): unknown =>
    makeAwsVerifier({ entries: [], audience: 'https://jit.example.com/a;b', now: Date.now, log: () => undefined });
  assert.throws(make, (thrown) => thrown instanceof JitError && thrown.code === 'ERR_CONFIG');
});

test('a role with a path is known by its name, since its sessions show no path', async (t) => {
  const { principal } = await enter(t, session('deploy', OLD), { roles: [role('ci/team/deploy')] });
  assert.deepEqual([principal.subject, principal.name], [OLD, `deploy@${ACCOUNT}`]);
});

test('a role that was deleted and made anew is somebody else, and with ids it is nobody', async (t) => {
  const before = await enter(t, session('deploy', OLD), {});
  const after = await enter(t, session('deploy', NEW), {});
  assert.equal(before.principal.issuer, after.principal.issuer);
  assert.notEqual(before.principal.subject, after.principal.subject);
  await enter(t, session('deploy', OLD), { ids: [OLD] });
  await refusal(enter(t, session('deploy', NEW), { ids: [OLD] }));
});

test('a user is let in by the users, and never by a role of its name', async (t) => {
  const { principal } = await enter(t, alice, { roles: [], users: [alice.arn] });
  assert.deepEqual([principal.subject, principal.name], [alice.userId, `alice@${ACCOUNT}`]);
  await refusal(enter(t, alice, { roles: [role('alice'), role('*')] }));
  await refusal(enter(t, session('alice', OLD), { roles: [], users: [alice.arn] }));
});

test('all roles of one account, and no account beside it', async (t) => {
  const changes = { accounts: [ACCOUNT, '999999999999'], roles: [role('*')] };
  await enter(t, session('whatever', NEW), changes);
  await refusal(enter(t, session('whatever', NEW, '999999999999'), changes));
  await refusal(enter(t, session('whatever', NEW, '888888888888'), changes));
});

test('unique ids alone name somebody, in the listed accounts only', async (t) => {
  await enter(t, session('whatever', NEW), { roles: [], ids: [NEW] });
  await refusal(enter(t, session('whatever', OLD), { roles: [], ids: [NEW] }));
  await refusal(enter(t, session('whatever', NEW, '999999999999'), { roles: [], ids: [NEW] }));
});

test('names are compared to the letter and as a whole', async (t) => {
  for (const name of ['Deploy', 'deploy2', 'xdeploy', 'deploy.']) {
    await refusal(enter(t, session(name, OLD), {}));
  }
});

test('the first entry that names the caller gives provider, kind, groups and issuer', async (t) => {
  const first = { roles: [role('other')] };
  const second = { kind: 'agent', groups: ['robots'], issuer: 'https://aws.example.com' };
  const { provider, principal } = await enter(t, session('deploy', OLD), first, second, {});
  assert.equal(provider, 'aws-1');
  assert.deepEqual(principal, {
    kind: 'agent',
    issuer: 'https://aws.example.com',
    subject: OLD,
    name: `deploy@${ACCOUNT}`,
    groups: ['robots'],
  });
});

test('each partition has its own issuers, and an entry says what it calls itself', async (t) => {
  const sts = await cannedSts(t, () => ({
    body: identityXml({ arn: `arn:aws-cn:sts::${ACCOUNT}:assumed-role/deploy/run-1`, userId: `${OLD}:run-1` }),
  }));
  const roles = [`arn:aws-cn:iam::${ACCOUNT}:role/deploy`];
  const entry = entryText({ endpoint: sts.url, regions: ['cn-northwest-1'], roles });
  const { principal } = await broker({ entries: [entry] })(await prove({ region: 'cn-northwest-1' }), BINDING);
  assert.equal(principal.issuer, `https://sts.amazonaws.com.cn/${ACCOUNT}`);
  assert.equal(sts.seen[0]?.rawHeaders.includes('sts.cn-northwest-1.amazonaws.com.cn'), true);
  assert.equal(awsIssuerLabel({ issuer: null }), 'https://sts.amazonaws.com');
  assert.equal(awsIssuerLabel({ issuer: 'https://aws.example.com' }), 'https://aws.example.com');
});

test('an account of another partition is another account, although its number be the same', async (t) => {
  const sts = await cannedSts(t, () => ({
    body: identityXml({ arn: `arn:aws-cn:sts::${ACCOUNT}:assumed-role/deploy/run-1`, userId: `${OLD}:run-1` }),
  }));
  const entry = entryText({ endpoint: sts.url, regions: ['eu-west-1', 'cn-north-1'] });
  await refusal(broker({ entries: [entry] })(await prove({ region: 'cn-north-1' }), BINDING));
});

test('an entry lets in through its own regions only', async (t) => {
  const sts = await cannedSts(t, () => ({ body: identityXml() }));
  const here = entryText({ endpoint: sts.url, roles: [role('other')] });
  const there = entryText({ endpoint: sts.url, regions: ['us-east-1'] });
  const verify = broker({ entries: [here, there] });
  assert.equal((await verify(await prove({ region: 'us-east-1' }), BINDING)).provider, 'aws-1');
  assert.equal(await refusal(verify(await prove(), BINDING)), 'no entry names this caller');
});

test('the operator is told of a caller whom no entry names, and of nothing secret', async (t) => {
  const told: unknown[] = [];
  const sts = await cannedSts(t, () => ({ body: identityXml(session('stranger', NEW)) }));
  const log = (message: string, fields: object): void => void told.push([message, fields]);
  await refusal(broker({ entries: [entryText({ endpoint: sts.url })], log })(await prove(), BINDING));
  const fields = { account: ACCOUNT, kind: 'role', name: 'stranger', id: NEW, region: 'eu-west-1' };
  assert.deepEqual(told, [['aws vouched for somebody whom no identity provider names', fields]]);
});
