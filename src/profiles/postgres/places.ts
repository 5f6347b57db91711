/**
 * Where libpq looks for services and for certificates.
 * @module
 */
import { join, posix, win32 } from 'node:path';
import { JitError } from '../../core/errors.ts';
import { homeFolder } from '../../local/paths.ts';
import type { Env, Places } from '../tool.ts';

export interface PostgresPlaces {
  /** The user's connection service file. */
  readonly services: string;
  /** The certificates that the user trusts for databases, where libpq looks without being told. */
  readonly roots: string;
}

/**
 * PGSERVICEFILE, otherwise `~/.pg_service.conf`; on Windows in `%APPDATA%\postgresql`
 * (https://www.postgresql.org/docs/current/libpq-pgservice.html). Throws `ERR_LOCAL_FILE` for a relative path, which
 * would mean another file in every folder, and where HOME is needed but unset.
 */
export function postgresPlaces(env: Env, platform: NodeJS.Platform): PostgresPlaces {
  const folder = dataFolder(env, platform);
  const inHome = platform === 'win32' ? join(folder, '.pg_service.conf') : join(folder, '..', '.pg_service.conf');
  return { services: given(env, platform) ?? inHome, roots: join(folder, 'root.crt') };
}

/** Throws `ERR_LOCAL_FILE` for places of another tool. */
export function postgresPlacesOf({ services, roots }: Places): PostgresPlaces {
  if (services !== undefined && roots !== undefined) return { services, roots };
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'it is not said where the connection service file is' });
}

function dataFolder(env: Env, platform: NodeJS.Platform): string {
  if (platform !== 'win32') return join(homeFolder(env, platform), '.postgresql');
  const roaming = env['APPDATA'];
  const data = roaming !== undefined && win32.isAbsolute(roaming) ? roaming : null;
  return join(data ?? join(homeFolder(env, platform), 'AppData', 'Roaming'), 'postgresql');
}

function given(env: Env, platform: NodeJS.Platform): string | null {
  const path = env['PGSERVICEFILE'];
  // libpq takes an empty variable for a file without a name, which nobody can have meant.
  if (path === undefined || path === '') return null;
  if ((platform === 'win32' ? win32 : posix).isAbsolute(path)) return path;
  throw new JitError({
    code: 'ERR_LOCAL_FILE',
    message: 'PGSERVICEFILE is not an absolute path',
    hint: 'set PGSERVICEFILE to the whole path, or unset it',
  });
}
