/**
 * Where gcloud looks for its configurations.
 * @module
 */
import { join, posix, win32 } from 'node:path';
import { JitError } from '../../core/errors.ts';
import { homeFolder } from '../../local/paths.ts';
import type { Env, Places } from '../tool.ts';

/**
 * CLOUDSDK_CONFIG, otherwise `~/.config/gcloud`, on Windows `%APPDATA%\gcloud` (`gcloud topic configurations`). Throws
 * `ERR_LOCAL_FILE` for a relative path, which would mean another folder in every folder, and where HOME is needed but unset.
 */
export function gcloudFolder(env: Env, platform: NodeJS.Platform): string {
  const given = env['CLOUDSDK_CONFIG'];
  const { isAbsolute } = platform === 'win32' ? win32 : posix;
  if (given !== undefined && given !== '') {
    if (isAbsolute(given)) return given;
    throw new JitError({
      code: 'ERR_LOCAL_FILE',
      message: 'CLOUDSDK_CONFIG is not an absolute path',
      hint: 'set CLOUDSDK_CONFIG to the whole path, or unset it',
    });
  }
  if (platform !== 'win32') return join(homeFolder(env, platform), '.config', 'gcloud');
  const roaming = env['APPDATA'];
  const data = roaming !== undefined && isAbsolute(roaming) ? roaming : null;
  return join(data ?? join(homeFolder(env, platform), 'AppData', 'Roaming'), 'gcloud');
}

/** One file for each configuration lies there. */
export function gcloudPlaces(env: Env, platform: NodeJS.Platform): Places {
  return { configurations: join(gcloudFolder(env, platform), 'configurations') };
}

/** Throws `ERR_LOCAL_FILE` for places of another tool. */
export function configurationsOf({ configurations }: Places): string {
  if (configurations !== undefined) return configurations;
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'it is not said where the configurations of gcloud are' });
}
