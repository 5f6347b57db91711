/**
 * Notifications of the desktop.
 * @module
 */
import { spawn } from 'node:child_process';

/** Where somebody may sit: the variables say whether there is a desktop at all. */
export interface Desk {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Shows it if there is a desktop with a program for that; what cannot be shown is not missed. Never rejects.
 * @param text one of jit's own sentences, with nothing in it that would have to be escaped.
 */
export async function notifyDesktop({ platform, env }: Desk, text: string): Promise<void> {
  const program = notifier(platform, env, text);
  if (program === null) return;
  const [file, ...args] = program;
  await new Promise<void>((resolve) => {
    const child = spawn(file, args, { env, stdio: 'ignore', detached: true });
    child.once('spawn', resolve);
    child.once('error', () => resolve());
    child.unref();
  });
}

function notifier(platform: NodeJS.Platform, env: Desk['env'], text: string): readonly [string, ...string[]] | null {
  if (platform === 'darwin')
    return ['osascript', '-e', `display notification ${JSON.stringify(text)} with title "jit"`];
  const desktop = (env['DISPLAY'] ?? '') !== '' || (env['WAYLAND_DISPLAY'] ?? '') !== '';
  return platform === 'linux' && desktop ? ['notify-send', '--app-name=jit', 'jit', text] : null;
}
