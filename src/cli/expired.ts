/**
 * A quick look whether anything that jit has written for other tools has run out, before the code that can remove it is loaded.
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context } from './context.ts';

// As loose as can be: what they find is judged by the code that wrote it.
const MARKERS = [
  /^# jit gr_[0-9a-z]{26} ends (\S{20,30}), managed by jit/gm,
  /\bends(?:["']? *[:=])? *["']?(\d{4}-\d\d-\d\dT[\d:.]{8,15}Z)/g,
];

/** Whether a marker in a file of another tool names a moment that has passed. False for what cannot be read. */
export function hasExpired({ env, now, paths }: Pick<Context, 'env' | 'now' | 'paths'>): boolean {
  return filesOf(env).some((path) => endsIn(path).some((end) => end <= now())) || hasExpiredSecret(paths, now());
}

const LARGEST = 16 * 1024 * 1024;

function filesOf(env: Context['env']): readonly string[] {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? '';
  const named = (variable: string, otherwise: string): string => {
    const given = env[variable];
    return given === undefined || given === '' ? join(home, otherwise) : given.replace(/^~\//, `${home}/`);
  };
  const azure = join(home, '.azure', 'jit');
  const gcloud = join(named('CLOUDSDK_CONFIG', '.config/gcloud'), 'configurations');
  return [
    named('AWS_CONFIG_FILE', '.aws/config'),
    named('AWS_SHARED_CREDENTIALS_FILE', '.aws/credentials'),
    named('PGSERVICEFILE', '.pg_service.conf'),
    ...named('KUBECONFIG', '.kube/config').split(delimiter),
    ...[gcloud, azure].flatMap((folder) => namesIn(folder).map((name) => join(folder, name))),
  ];
}

function endsIn(path: string): readonly number[] {
  const text = textOf(path);
  // In a large file of somebody else's the second look would cost more than the first.
  if (!text.includes('gr_')) return [];
  return MARKERS.flatMap((marker) => [...text.matchAll(marker)].map(([, ends = '']) => Date.parse(ends)));
}

function hasExpiredSecret(paths: Context['paths'], now: number): boolean {
  try {
    const { run } = paths();
    const names = namesIn(run).filter((name) => name.startsWith('secret-gr_'));
    return names.some((name) => statSync(join(run, name)).mtimeMs <= now);
  } catch {
    return false;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    // Not a FIFO, which somebody may have put there and which would never end.
    const found = statSync(path);
    return found.isFile() && found.size <= LARGEST ? readFileSync(path, 'latin1') : '';
  } catch {
    return '';
  }
}
