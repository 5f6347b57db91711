/**
 * Opens the person's own browser. No shell is involved, so nothing in a URL can become a command.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { posix, win32 } from 'node:path';

export interface Desktop {
  /** `BROWSER`, the display, and what the browser itself needs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

type Opener = readonly [program: string, ...before: string[]];

/** An opener that still runs after this long is the browser itself. */
const SETTLED_MS = 2_000;

/**
 * @param url http or https.
 * @returns `none` where there is no browser: no desktop, or nothing that opens. Never throws for that.
 */
export async function openBrowser(url: URL, desktop: Desktop): Promise<'opened' | 'none'> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('not the address of a page');
  for (const opener of openersOf(desktop)) {
    if ((await tryToOpen(opener, url, desktop)) === 'opened') return 'opened';
  }
  return 'none';
}

function openersOf({ env, platform }: Desktop): readonly Opener[] {
  if (platform === 'win32') {
    const system = win32.join(env['SystemRoot'] ?? String.raw`C:\Windows`, 'System32', 'rundll32.exe');
    return [[system, 'url.dll,FileProtocolHandler']];
  }
  // A list, or a command with arguments, would need a shell to be understood.
  const chosen = env['BROWSER'] ?? '';
  const own: readonly Opener[] = chosen !== '' && !/[\s:%]/.test(chosen) ? [[chosen]] : [];
  if (platform === 'darwin') return [...own, ['/usr/bin/open']];
  if (isSet(env['WSL_DISTRO_NAME'])) return [...own, ['wslview'], ['xdg-open']];
  // Without a display xdg-open would start a browser for the terminal, which is in use.
  const display = isSet(env['DISPLAY']) || isSet(env['WAYLAND_DISPLAY']);
  return display ? [...own, ['xdg-open']] : own;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

function tryToOpen([program, ...before]: Opener, url: URL, { env }: Desktop): Promise<'opened' | 'none'> {
  return new Promise((resolve) => {
    // Something relative to the current folder is nothing that the person installed.
    if (program.includes('/') && !posix.isAbsolute(program)) return resolve('none');
    let child: ChildProcess;
    try {
      child = spawn(program, [...before, url.href], { env, stdio: 'ignore', detached: true, shell: false });
    } catch {
      return resolve('none');
    }
    const timer = setTimeout(() => resolve('opened'), SETTLED_MS);
    const settle = (outcome: 'opened' | 'none'): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    child.once('error', () => settle('none'));
    child.once('exit', (status) => settle(status === 0 ? 'opened' : 'none'));
    child.unref();
  });
}
