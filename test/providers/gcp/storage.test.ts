/**
 * Tokens for Cloud Storage: what they can do, how long they live, and what is refused, at a server that enforces boundaries.
 * @module
 */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { inspect } from 'node:util';
import type { Permission } from '../../../src/core/request.ts';
import { googleError } from '../../fakes/gcp/gcp.ts';
import { failure } from '../../support/failure.ts';
import {
  READER,
  bucketName,
  canRead,
  never,
  object,
  openPlace,
  orderOf,
  permissionOf,
  storageConfig,
  tokenOf,
} from './support.ts';

const place = await openPlace();
const { gcp, clock, provider } = place;
const target = provider.parseTarget('web', storageConfig({ endpoint: gcp.url }));
after(place.close);
afterEach(() => {
  gcp.trouble = () => null;
});

const tokenFor = async (...permissions: Permission[]): Promise<string> => {
  const { credential } = await provider.issue(target, orderOf(clock, { permissions }), never());
  assert.equal(credential.kind, 'gcp');
  return tokenOf(gcp, credential);
};

test('a token reads the object that was asked for, and no other, in this bucket or another', async () => {
  const token = await tokenFor(permissionOf('storage.objects.get', object('2026/q1.csv')));
  assert.equal(await canRead(gcp, token, '2026/q1.csv'), true);
  assert.equal(await canRead(gcp, token, '2026/q2.csv'), false);
  assert.equal(await canRead(gcp, token, '2026/q1.csv', 'acme-other'), false);
  assert.equal(await canRead(gcp, token, '?prefix=2026/'), false);
});

test('a beginning opens what begins so, and its list where that was asked for, and not the list of more', async () => {
  const reads = await tokenFor(permissionOf('storage.objects.get', object('2026/*')));
  assert.deepEqual(
    await Promise.all(
      ['2026/q1.csv', '2026/q2.csv', 'secret/plan.txt', '?prefix=2026/', '?'].map(
        async (what) => await canRead(gcp, reads, what),
      ),
    ),
    [true, true, false, false, false],
  );
  const lists = await tokenFor({
    ...permissionOf('storage.objects.list', object('2026/*')),
    actions: ['storage.objects.list', 'storage.objects.get'],
  });
  assert.deepEqual(
    await Promise.all(
      ['2026/q1.csv', '?prefix=2026/', '?prefix=2026/q', '?prefix=2', '?prefix=secret/', '?'].map(
        async (what) => await canRead(gcp, lists, what),
      ),
    ),
    [true, true, true, false, false, false],
  );
});

test('the list of a bucket is no look into its objects', async () => {
  const token = await tokenFor(permissionOf('storage.objects.list', bucketName()));
  assert.equal(await canRead(gcp, token, '?'), true);
  assert.equal(await canRead(gcp, token, '2026/q1.csv'), false);
  assert.equal(await canRead(gcp, token, '?', 'acme-other'), false);
});

test('a token ends with its grant at the latest, and is never asked for longer than the target says', async () => {
  const lives: number[] = [];
  for (const left of [1_500, 30_000, 600_000, 7_200_000]) {
    const { notAfter } = await provider.issue(target, orderOf(clock, { endsAt: clock.at + left }), never());
    lives.push(notAfter - clock.at);
    assert(notAfter <= clock.at + left);
  }
  assert.deepEqual(lives, [1_000, 30_000, 600_000, 600_000]);
  await failure(provider.issue(target, orderOf(clock, { endsAt: clock.at + 900 }), never()), 'ERR_CLOUD');
});

test('a token of another life than was asked for is not handed out', async () => {
  for (const life of [3_600_000, -120_000]) {
    const body = JSON.stringify({ accessToken: 'canary-4f1e', expireTime: new Date(clock.at + life).toISOString() });
    gcp.trouble = (call) => (call.endsWith(':generateAccessToken') ? { http: 200, body } : null);
    const error = await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD_UNKNOWN');
    assert(!inspect(error, { depth: 9 }).includes('canary'));
  }
});

test('a token that could not be narrowed is not handed out', async () => {
  const answers = [
    [googleError(400, 'x'), 'ERR_CLOUD'],
    [{ http: 400, body: '{"error":"invalid_request","error_description":"canary-9d02"}' }, 'ERR_CLOUD'],
    [{ http: 200, body: '{}' }, 'ERR_CLOUD_UNKNOWN'],
    [{ http: 200, body: '{"access_token":"","token_type":"Bearer"}' }, 'ERR_CLOUD_UNKNOWN'],
    [{ http: 200, body: '{"access_token":"x","token_type":"mac"}' }, 'ERR_CLOUD_UNKNOWN'],
    [{ http: 500, body: 'canary-9d02' }, 'ERR_CLOUD_UNKNOWN'],
    [{ http: 302, body: '', headers: { location: 'https://evil.example/' } }, 'ERR_CLOUD'],
  ] as const;
  for (const [answer, code] of answers) {
    gcp.trouble = (call) => (call === 'POST /v1/token' ? answer : null);
    const error = await failure(provider.issue(target, orderOf(clock), never()), code);
    assert(!`${inspect(error, { depth: 9 })}${error.hint ?? ''}`.includes('canary'));
  }
});

test('the broker needs the right to make tokens of the account, and is told so', async () => {
  const other = provider.parseTarget(
    'web',
    storageConfig({ endpoint: gcp.url, service_account: 'other@acme-ops.iam.gserviceaccount.com' }),
  );
  const { message, hint } = await failure(provider.issue(other, orderOf(clock), never()), 'ERR_CLOUD');
  assert.match(message, /other@acme-ops/);
  assert.match(hint ?? '', /roles\/iam\.serviceAccountTokenCreator/);
});

test('Google’s audit log of the account names the grant', async () => {
  const order = orderOf(clock);
  await provider.issue(target, order, never());
  assert.equal(gcp.reasons.at(-1), `jit-${order.grant.slice(3)}`);
  assert.equal(provider.intend(target, order).name, `jit-${order.grant.slice(3)}`);
});

test('several permissions are one boundary, and its text is what was planned', async () => {
  const permissions = [
    permissionOf('storage.objects.get', object('2026/q1.csv')),
    permissionOf('storage.objects.list', object('2026/*', 'acme-other')),
  ];
  const order = orderOf(clock, { permissions });
  const { granted, credential } = await provider.issue(target, order, never());
  assert.deepEqual(JSON.parse(granted), {
    accessBoundary: {
      accessBoundaryRules: [
        {
          availableResource: '//storage.googleapis.com/projects/_/buckets/acme-reports',
          availablePermissions: ['inRole:roles/storage.legacyObjectReader'],
          availabilityCondition: {
            expression: 'resource.name == "projects/_/buckets/acme-reports/objects/2026/q1.csv"',
          },
        },
        {
          availableResource: '//storage.googleapis.com/projects/_/buckets/acme-other',
          availablePermissions: ['inRole:roles/storage.objectViewer'],
          availabilityCondition: {
            expression:
              'resource.name.startsWith("projects/_/buckets/acme-other/objects/2026/") || ' +
              'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("2026/")',
          },
        },
      ],
    },
  });
  const plan = await provider.plan(target, permissions, 600);
  assert.equal(plan.permission, granted);
  assert.match(plan.words.join('\n'), new RegExp(`as ${READER}, in tokens of at most 10m`));
  assert.equal(await canRead(gcp, tokenOf(gcp, credential), '?prefix=2026/', 'acme-other'), true);
});
