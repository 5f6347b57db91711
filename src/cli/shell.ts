/**
 * Variables in the languages of shells.
 * @module
 */
import type { Change } from '../profiles/tool.ts';

export const SHELLS = ['sh', 'fish', 'pwsh'] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}

/** Lines to be evaluated. Every value is one quoted word: nothing in it is a command to any of the shells. */
export function shellLines(change: Pick<Change, 'set' | 'removed'>, shell: Shell): string {
  const lines = [
    ...change.removed.map((name) => unset(name, shell)),
    ...[...change.set].map(([name, value]) => assign(name, value, shell)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function assign(name: string, value: string, shell: Shell): string {
  switch (shell) {
    case 'sh':
      return `export ${name}='${value.replaceAll("'", "'\\''")}'`;
    case 'fish':
      return `set -gx ${name} '${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    case 'pwsh':
      return `$env:${name} = '${value.replace(/['‘’‚‛]/g, '$&$&')}'`;
  }
}

function unset(name: string, shell: Shell): string {
  switch (shell) {
    case 'sh':
      return `unset ${name}`;
    case 'fish':
      return `set -e ${name}`;
    case 'pwsh':
      return `Remove-Item -ErrorAction Ignore Env:${name}`;
  }
}
