/**
 * The real gcloud through what jit writes, at a server that enforces tokens and their boundaries.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { after, before, test } from 'node:test';
import { writeSecretFile } from '../../../src/local/secret-files.ts';
import { gcloudProfiles } from '../../../src/profiles/gcp/tool.ts';
import { startGcp } from '../../fakes/gcp/gcp.ts';
import type { FakeGcp } from '../../fakes/gcp/gcp.ts';
import { run } from '../../local/ground.ts';
import { FOREIGN, PROJECT, READER, ROLES } from '../../providers/gcp/support.ts';
import type { Ended } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';
import { access, entry, given, scene, settings } from './scene.ts';
import type { Scene } from './scene.ts';

const skip = skipUnless('gcloud');
const END = Date.now() + 600_000;
const OBJECT = 'gs://acme-reports/2026/q1.csv';
let gcp: FakeGcp;

before(async () => {
  if (skip !== false) return;
  gcp = await startGcp(Date.now);
  for (const [role, permissions] of Object.entries(ROLES)) gcp.world.roles.set(role, permissions);
  gcp.world.makeProject(PROJECT, FOREIGN);
  gcp.world.buckets.set('acme-reports', { project: PROJECT, objects: new Set(['2026/q1.csv', 'secret/plan.txt']) });
});
after(async () => {
  if (skip === false) await gcp.close();
});

/** A narrowed token, as the provider hands it out. */
const token = (): string =>
  gcp.world.tokenFor(`serviceAccount:${READER}`, 600, {
    rules: [
      {
        availableResource: '//storage.googleapis.com/projects/_/buckets/acme-reports',
        availablePermissions: ['inRole:roles/storage.objectViewer'],
        availabilityCondition: { expression: 'resource.name == "projects/_/buckets/acme-reports/objects/2026/q1.csv"' },
      },
    ],
  });
const gcloud = async (set: Scene, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  await run('gcloud', args, {
    HOME: set.home,
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: '1',
    ...env,
  });
const describe = (object: string): readonly string[] => [
  'storage',
  'objects',
  'describe',
  object,
  '--format=value(name)',
];

test(
  'a named configuration reads what the grant allows, and is known as jit’s after gcloud wrote it anew',
  { skip },
  async (t) => {
    const set = scene(t);
    const wanted = entry(set, { tool: settings({ endpoint: gcp.url }), expiresAt: END });
    await writeSecretFile(wanted.secretFile, token(), END);
    await gcloudProfiles.write(set.places, wanted, { ...set.deps, now: Date.now });
    const seen = await gcloud(set, ['--configuration', wanted.name, ...describe(OBJECT)]);
    assert.deepEqual([seen.status, seen.stdout.trim()], [0, '2026/q1.csv'], seen.stderr);
    const changed = await gcloud(set, ['--configuration', wanted.name, 'config', 'set', 'core/log_http', 'false']);
    assert.equal(changed.status, 0, changed.stderr);
    const { wiped, conflicts } = await gcloudProfiles.wipe(set.places, () => true, set.deps);
    assert.deepEqual([wiped.map(({ name }) => name), conflicts[0]?.kept], [['jit-reports'], ['core/log_http']]);
    assert.doesNotMatch(fs.readFileSync(set.file('jit-reports'), 'utf8'), /access_token_file|\[jit\]/);
  },
);

test(
  'a command under a grant has the token that the keeper keeps, and no account or impersonation of the user’s',
  { skip },
  async (t) => {
    const set = scene(t);
    given(
      set.file('default'),
      '[core]\naccount = ann@example.com\n[auth]\nimpersonate_service_account = x@y.iam.gserviceaccount.com\n',
    );
    const wanted = access(set, { tool: settings({ endpoint: gcp.url }), expiresAt: END });
    await writeSecretFile(wanted.secretFile, token(), END);
    const change = await gcloudProfiles.environment({ HOME: set.home }, 'linux', wanted);
    const env = Object.fromEntries(change.set);
    const seen = await gcloud(set, describe(OBJECT), env);
    assert.deepEqual([seen.status, seen.stdout.trim()], [0, '2026/q1.csv'], seen.stderr);
    // With another token in the file, which gcloud reads anew, something else is allowed.
    await writeSecretFile(wanted.secretFile, gcp.world.tokenFor('user:zoe@example.com', 600), END);
    assert.match((await gcloud(set, describe(OBJECT), env)).stderr, /zoe@example\.com does not have/);
  },
);
