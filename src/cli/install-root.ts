/**
 * Where this copy of jit is installed, and which version it is.
 * @module
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Absolute paths of the package, for those who start one of its executables. */
export interface Installation {
  /** The Node that this runs on. */
  readonly runtime: string;
  readonly version: string;
  /** bin/jit. */
  readonly jit: string;
  /** bin/jit-broker. */
  readonly broker: string;
}

/** Looks upwards from this file, since the sources and the compiled release lie at different depths. */
export function findInstallation(): Installation {
  const runtime = process.execPath;
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const version = versionIn(join(folder, 'package.json'));
    if (version !== null)
      return { runtime, version, jit: join(folder, 'bin', 'jit'), broker: join(folder, 'bin', 'jit-broker') };
    if (folder === dirname(folder)) return { runtime, version: '0.0.0', jit: '', broker: '' };
  }
}

function versionIn(path: string): string | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null || !('name' in parsed) || parsed.name !== 'jit-access') return null;
  return 'version' in parsed && typeof parsed.version === 'string' ? parsed.version : null;
}
