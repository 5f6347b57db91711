/**
 * The only place where an error becomes an exit status and a message.
 * @module
 */
import { ERRORS, type JitError, worded } from '../core/errors.ts';
import type { Context } from './context.ts';
import { errorBody } from './output.ts';

/** @param argv as given, even if it could not be read. @returns the exit status. */
export async function reportError(
  { out, env }: Pick<Context, 'out' | 'env'>,
  error: JitError,
  argv: readonly string[],
): Promise<number> {
  const exit = statusOf(error, argv);
  if (!wantsJson(argv) || !written(() => out.document('error', errorBody(error, exit)))) {
    await out.note(worded(error));
    if (error.hint !== undefined) await out.hint(error.hint);
    else if (error.code === 'ERR_UNEXPECTED')
      await out.hint('set JIT_DEBUG=1 to see where; look for secrets before you share it');
  }
  // A foreign error may quote what it was working on, so its text is shown only to those who ask for it.
  if (error.code === 'ERR_UNEXPECTED' && env['JIT_DEBUG'] === '1' && error.cause instanceof Error) {
    for (const line of (error.cause.stack ?? '').split('\n')) await out.note(line);
  }
  return exit;
}

/** Whether stdout took it: where the trouble is stdout itself, stderr is what is left. */
function written(write: () => void): boolean {
  try {
    write();
    return true;
  } catch {
    return false;
  }
}

/** Where jit runs a command, the small numbers are the command's. */
function statusOf({ facts }: JitError, argv: readonly string[]): number {
  const interrupted = facts.exit === ERRORS.ERR_INTERRUPTED.exit || facts.exit === ERRORS.ERR_TERMINATED.exit;
  const runs = argv[0] === 'exec' || (argv[0] === 'breakglass' && argv.includes('--'));
  return runs && !interrupted ? 100 + facts.exit : facts.exit;
}

/** Also for a command line that could not be read. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}
