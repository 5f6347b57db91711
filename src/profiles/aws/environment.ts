/**
 * The variables through which the AWS tools find one grant, and those that would make them find something else.
 * @module
 */
import type { AwsSettings } from '../../core/credential.ts';
import { readOwnFile } from '../../local/atomic.ts';
import { MAX_EDIT_BYTES } from '../../local/edit.ts';
import { unproxied } from '../proxy.ts';
import type { Access, Change, Env } from '../tool.ts';
import { parseSections } from './ini.ts';
import { awsFiles } from './names.ts';

// Whatever comes before the container credentials in the chain of any SDK, or sends calls elsewhere.
const CONFLICTING =
  /^(?:AWS_(?:ACCESS_KEY(?:_ID)?|SECRET_ACCESS_KEY|SECRET_KEY|SESSION_TOKEN|SECURITY_TOKEN|PROFILE|DEFAULT_PROFILE|WEB_IDENTITY_TOKEN_FILE|ROLE_ARN|ROLE_SESSION_NAME|CREDENTIAL_FILE|CREDENTIAL_EXPIRATION|SESSION_EXPIRATION|CONTAINER_CREDENTIALS_RELATIVE_URI|CONTAINER_CREDENTIALS_FULL_URI|CONTAINER_AUTHORIZATION_TOKEN(?:_FILE)?|REGION|DEFAULT_REGION|ENDPOINT_URL(?:_[A-Z0-9_]+)?|IGNORE_CONFIGURED_ENDPOINT_URLS))$/i;
// Replaced by a value of the same meaning, so their loss is nothing to mention.
const REPLACED = /^(?:AWS_REGION|AWS_DEFAULT_REGION|AWS_CONTAINER_.*)$/i;
const REGIONS = ['AWS_REGION', 'AWS_DEFAULT_REGION'];

/**
 * What to change in `env` so that a child finds this grant and nothing before it.
 *
 * Container credentials come late in every SDK's chain: after variables, the default profile of both files, and (in
 * botocore) `~/.boto`. Where such a default exists, the child sees an empty file in its place. Named profiles go on
 * working where no default is in the way.
 */
export async function awsEnvironment(
  env: Env,
  platform: NodeJS.Platform,
  { endpoint, tool }: Pick<Access, 'endpoint'> & { readonly tool: AwsSettings },
): Promise<Change> {
  const region = [
    ['AWS_REGION', tool.region],
    ['AWS_DEFAULT_REGION', tool.region],
  ] as const;
  // Whoever is signed in there already has it: whatever leads to that must stay.
  if (tool.identity === 'own') return { set: new Map(region), removed: [], replaced: [...REGIONS], hidden: [] };
  const set = new Map([
    ['AWS_CONTAINER_CREDENTIALS_FULL_URI', endpoint.url],
    ['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', endpoint.tokenFile],
    ...region,
  ]);
  if (tool.endpoint !== null) set.set('AWS_ENDPOINT_URL', tool.endpoint);
  for (const [name, value] of unproxied(env, tool.endpoint)) set.set(name, value);
  const hidden = await filesInTheWay(env, platform);
  for (const { variable } of hidden) set.set(variable, platform === 'win32' ? 'NUL' : '/dev/null');
  const removed = Object.keys(env).filter(
    (name) => CONFLICTING.test(name) && env[name] !== undefined && !set.has(name),
  );
  return {
    set,
    removed: removed.toSorted(),
    replaced: [...Object.keys(env), ...set.keys()].filter((name) => !CONFLICTING.test(name) || REPLACED.test(name)),
    hidden: hidden.map(({ path }) => path),
  };
}

interface Obstacle {
  /** The variable that names the file. */
  readonly variable: string;
  readonly path: string;
}

async function filesInTheWay(env: Env, platform: NodeJS.Platform): Promise<readonly Obstacle[]> {
  const files = awsFiles(env, platform);
  const obstacles: Obstacle[] = [];
  if (await hasDefault(files.credentials, () => true)) {
    obstacles.push({ variable: 'AWS_SHARED_CREDENTIALS_FILE', path: files.credentials });
  }
  if (await hasDefault(files.config, isCredentialKey))
    obstacles.push({ variable: 'AWS_CONFIG_FILE', path: files.config });
  const boto = env['BOTO_CONFIG'] ?? (env['HOME'] === undefined ? null : `${env['HOME']}/.boto`);
  if (boto !== null && boto !== '/dev/null' && (await holdsBotoKeys(boto))) {
    obstacles.push({ variable: 'BOTO_CONFIG', path: boto });
  }
  return obstacles;
}

// Of a default profile in the config file, only what leads to credentials or elsewhere is in the way.
const CREDENTIAL_KEYS =
  /^(?:aws_access_key_id|aws_secret_access_key|aws_session_token|role_arn|source_profile|credential_source|credential_process|web_identity_token_file|login_session|sso_.*|endpoint_url|services|ignore_configured_endpoint_urls)$/i;
const isCredentialKey = (key: string): boolean => CREDENTIAL_KEYS.test(key);

async function hasDefault(path: string, matters: (key: string) => boolean): Promise<boolean> {
  return (await sectionsOf(path)).some(({ header, lines }) => {
    // The tools read `[default]` and `[profile default]` alike.
    const name = header?.value
      .trim()
      .replace(/^profile\s+/, '')
      .replaceAll(/["']/g, '');
    return name === 'default' && lines.some(({ kind, key }) => kind === 'option' && matters(key));
  });
}

async function holdsBotoKeys(path: string): Promise<boolean> {
  return (await sectionsOf(path)).some(
    ({ header, lines }) => header?.value === 'Credentials' && lines.some(({ key }) => key === 'aws_access_key_id'),
  );
}

async function sectionsOf(path: string): Promise<ReturnType<typeof parseSections>> {
  return parseSections((await readOwnFile(path, MAX_EDIT_BYTES))?.toString('latin1') ?? '');
}
