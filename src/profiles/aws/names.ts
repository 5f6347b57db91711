/**
 * The files of the aws tools.
 * @module
 */
import { join, posix, win32 } from 'node:path';
import { JitError } from '../../core/errors.ts';
import { homeFolder } from '../../local/paths.ts';

/** The two files that every AWS SDK reads. */
export interface AwsFiles {
  readonly config: string;
  readonly credentials: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where the aws tools look: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE (a leading `~/` is the home folder, as in
 * botocore and the JavaScript SDK), otherwise `~/.aws`. Throws `ERR_LOCAL_FILE` for a relative path, which would mean
 * another file in every folder, and where HOME is needed but unset.
 */
export function awsFiles(env: Env, platform: NodeJS.Platform = process.platform): AwsFiles {
  return {
    config: fileNamed(env, 'AWS_CONFIG_FILE', 'config', platform),
    credentials: fileNamed(env, 'AWS_SHARED_CREDENTIALS_FILE', 'credentials', platform),
  };
}

function fileNamed(env: Env, variable: string, name: string, platform: NodeJS.Platform): string {
  const given = env[variable];
  if (given === undefined || given === '') return join(homeFolder(env, platform), '.aws', name);
  if (given.startsWith('~/')) return join(homeFolder(env, platform), given.slice(2));
  if ((platform === 'win32' ? win32 : posix).isAbsolute(given)) return given;
  throw new JitError({
    code: 'ERR_LOCAL_FILE',
    message: `${variable} is not an absolute path`,
    hint: `set ${variable} to the whole path, or unset it`,
  });
}

export { checkProfileName } from '../names.ts';
