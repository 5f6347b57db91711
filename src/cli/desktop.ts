/**
 * Tells somebody who has turned to something else that their waiting is over.
 * @module
 */
import { spawn } from 'node:child_process';
import type { Context } from './context.ts';

/**
 * A notification of the desktop, and the terminal's bell. Only where somebody sits at a terminal; what cannot be shown is not
 * missed. @param text one of jit's own sentences: never what somebody typed.
 */
export async function tellDesktop(
  { terminal, platform, env, out }: Pick<Context, 'terminal' | 'platform' | 'env' | 'out'>,
  text: string,
): Promise<void> {
  if (!terminal.interactive || !out.live) return;
  terminal.output.write('\u0007');
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

function notifier(platform: NodeJS.Platform, env: Context['env'], text: string): readonly [string, ...string[]] | null {
  if (platform === 'darwin')
    return ['osascript', '-e', `display notification ${JSON.stringify(text)} with title "jit"`];
  const desktop = (env['DISPLAY'] ?? '') !== '' || (env['WAYLAND_DISPLAY'] ?? '') !== '';
  return platform === 'linux' && desktop ? ['notify-send', '--app-name=jit', 'jit', text] : null;
}
