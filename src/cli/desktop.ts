/**
 * Tells somebody who has turned to something else that their waiting is over, or their access.
 * @module
 */
import { notifyDesktop } from '../local/desktop.ts';
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
  await notifyDesktop({ platform, env }, text);
}
