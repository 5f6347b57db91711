/**
 * The variables through which gcloud and Google's libraries find one grant, and those that would make them find something else.
 * @module
 */
import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { readOwnFile } from '../../local/atomic.ts';
import { MAX_EDIT_BYTES } from '../../local/edit.ts';
import { asLocalFault } from '../../local/fault.ts';
import { ensurePrivateDir } from '../../local/private-dir.ts';
import { unproxied } from '../proxy.ts';
import type { Access, Change, Env } from '../tool.ts';
import { writeDefaultCredentials } from './adc.ts';
import { gcloudFolder } from './places.ts';
import { checkSettings } from './settings.ts';

/**
 * Each names an identity, or another project or place. Of gcloud (`gcloud topic startup`, `gcloud config`), of application default
 * credentials, of the google provider of Terraform, of Google's machines, and of gsutil.
 */
const CONFLICTING =
  /^(?:CLOUDSDK_(?:CONFIG|ACTIVE_CONFIG_NAME|PROJECT|AUTH_[A-Z0-9_]+|CORE_(?:ACCOUNT|PROJECT|UNIVERSE_DOMAIN)|BILLING_QUOTA_PROJECT|API_ENDPOINT_OVERRIDES_[A-Z0-9_]+|CONTEXT_AWARE_[A-Z0-9_]+)|GOOGLE_(?:APPLICATION_CREDENTIALS|CREDENTIALS|CLOUD_KEYFILE_JSON|OAUTH_ACCESS_TOKEN|IMPERSONATE_SERVICE_ACCOUNT|GHA_CREDS_PATH|PROJECT|CLOUD_PROJECT|CLOUD_QUOTA_PROJECT)|GCLOUD_(?:KEYFILE_JSON|PROJECT)|GCE_METADATA_(?:HOST|IP|ROOT)|BOTO_PATH)$/i;
const PROJECTS = ['CLOUDSDK_CORE_PROJECT', 'GOOGLE_CLOUD_PROJECT'];

/**
 * What to change in `env` so that a child finds this grant and nothing before it. gcloud reads the token from its file each time,
 * the libraries ask the keeper for one. Throws `ERR_LOCAL_FILE`, `ERR_CONFIG`.
 */
export async function gcloudEnvironment(env: Env, platform: NodeJS.Platform, access: Access): Promise<Change> {
  const { tool, endpoint, secretFile, expiresAt } = access;
  const { project, storage } = checkSettings(tool);
  const projects = PROJECTS.map((name) => [name, project] as const);
  // Whoever is signed in there already has it: whatever leads to that must stay, and their own token goes nowhere else.
  if (tool.kind === 'gcp' && tool.identity === 'own') {
    return { set: new Map(projects), removed: [], replaced: [...PROJECTS], hidden: [] };
  }
  const folder = await ownFolder(`${secretFile}.gcloud`, expiresAt);
  const set = new Map([
    ['CLOUDSDK_CONFIG', folder],
    ['CLOUDSDK_AUTH_ACCESS_TOKEN_FILE', secretFile],
    ['GOOGLE_APPLICATION_CREDENTIALS', await writeDefaultCredentials(access)],
    ...projects,
    ...(storage === null ? [] : [['CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE', storage] as const]),
    // The libraries would send the token of the grant through a proxy, in the clear.
    ...unproxied(env, endpoint.url),
  ]);
  const boto = await botoInTheWay(env);
  if (boto !== null) set.set('BOTO_CONFIG', platform === 'win32' ? 'NUL' : '/dev/null');
  const removed = Object.keys(env).filter(
    (name) => env[name] !== undefined && !set.has(name) && CONFLICTING.test(name),
  );
  return {
    set,
    removed: removed.toSorted(),
    replaced: [...set.keys()],
    hidden: [...(await inTheWay(env, platform)), ...(boto === null ? [] : [boto])],
  };
}

/**
 * gcloud keeps logs and caches where its configurations are, and reads the user's active configuration there. The outer folder is
 * never written to by gcloud, so that its time of change stays the end of the grant, by which it is swept.
 */
async function ownFolder(outer: string, end: number): Promise<string> {
  const inner = join(outer, 'config');
  await ensurePrivateDir(inner);
  const when = new Date(end);
  await utimes(outer, when, when).catch((thrown: unknown) => {
    throw asLocalFault(thrown, outer);
  });
  return inner;
}

async function inTheWay(env: Env, platform: NodeJS.Platform): Promise<readonly string[]> {
  try {
    const folder = gcloudFolder(env, platform);
    return (await stat(folder)).isDirectory() ? [folder] : [];
  } catch {
    // Where there is none, or nobody can tell where, there is none to be missed.
    return [];
  }
}

/** gsutil prefers what stands there to what gcloud gives it (`gsutil help creds`). */
async function botoInTheWay(env: Env): Promise<string | null> {
  const path = env['BOTO_CONFIG'] ?? (env['HOME'] === undefined ? null : join(env['HOME'], '.boto'));
  if (path === null || path === '' || path === '/dev/null') return null;
  const text = (await readOwnFile(path, MAX_EDIT_BYTES).catch(() => null))?.toString('latin1') ?? '';
  return /^\s*gs_[a-z0-9_]+\s*[=:]/m.test(text) ? path : null;
}
