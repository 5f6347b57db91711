/**
 * The kubeconfig files of the user.
 * @module
 */
import { stat } from 'node:fs/promises';
import { join, posix, win32 } from 'node:path';
import { JitError } from '../../core/errors.ts';
import { homeFolder } from '../../local/paths.ts';
import type { Env, Places } from '../tool.ts';

const KEY = 'kubeconfig';

/**
 * The files of KUBECONFIG in their order, as `kubeconfig`, `kubeconfig2` and so on; without that variable `~/.kube/config`
 * (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/).
 * Throws `ERR_LOCAL_FILE` for a relative path, which would mean another file in every folder, and where HOME is needed but unset.
 */
export function kubeconfigPlaces(env: Env, platform: NodeJS.Platform): Places {
  const rules = platform === 'win32' ? win32 : posix;
  const listed = (env['KUBECONFIG'] ?? '').split(rules.delimiter).filter((path) => path !== '');
  const relative = listed.find((path) => !rules.isAbsolute(path));
  if (relative !== undefined) {
    throw new JitError({
      code: 'ERR_LOCAL_FILE',
      message: 'KUBECONFIG names a file by a path that is not absolute',
      hint: 'set KUBECONFIG to whole paths, or unset it',
    });
  }
  const files = listed.length === 0 ? [join(homeFolder(env, platform), '.kube', 'config')] : [...new Set(listed)];
  return Object.fromEntries(files.map((path, index) => [index === 0 ? KEY : `${KEY}${index + 1}`, path]));
}

/** The files of `kubeconfigPlaces`, in their order. Throws `ERR_LOCAL_FILE` for places of another tool. */
export function filesOf(places: Places): readonly [string, ...string[]] {
  const [first, ...others] = Object.entries(places)
    .filter(([key]) => key.startsWith(KEY))
    .map(([key, path]) => ({ path, number: key === KEY ? 1 : Number(key.slice(KEY.length)) }))
    .toSorted((a, b) => a.number - b.number)
    .map(({ path }) => path);
  if (first !== undefined) return [first, ...others];
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'it is not said where the kubeconfig is' });
}

/** The file into which kubectl itself would write something new: the first that is there, else the last one. */
export async function fileToWrite(files: readonly [string, ...string[]]): Promise<string> {
  for (const path of files) if (await isThere(path)) return path;
  return files.at(-1) ?? files[0];
}

/** Those that are there. */
export async function existing(files: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of files) if (await isThere(path)) found.push(path);
  return found;
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
