/**
 * Dispatch, and the only place where an error becomes an exit status and a message.
 * @module
 */
import { asJitError, ERRORS, type JitError, worded } from '../core/errors.ts';
import type { Bound } from './command.ts';
import type { Context } from './context.ts';
import { errorBody, type Format } from './output.ts';
import { BROKEN_PIPE } from './sink.ts';
import { openWorld, type World } from './world.ts';

/** @param argv without the runtime and the script. @returns the exit status; never rejects. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const world = openWorld();
  try {
    const status = await dispatch(world, argv);
    return status === 0 && world.stdoutBroken() ? BROKEN_PIPE : status;
  } catch (thrown) {
    return await report(world.context, asJitError(thrown), argv);
  } finally {
    world.close();
  }
}

async function dispatch(world: World, argv: readonly string[]): Promise<number> {
  const { context } = world;
  if (argv[0] === '--version' || argv[0] === '-V')
    return await version(context, argv.includes('--json') ? 'json' : 'human');
  const { readCommandLine } = await import('./program.ts');
  const invocation = readCommandLine(argv);
  if (invocation.kind === 'help') {
    context.out.raw(invocation.text);
    return 0;
  }
  // The tools call it at any moment and read every byte of its output.
  if (invocation.command !== 'credential') await sweep(context);
  return await run(context, invocation.bound);
}

async function run(context: Context, bound: Bound): Promise<number> {
  const status = await bound.run(context);
  context.out.progress(null);
  return status;
}

async function sweep(context: Context): Promise<void> {
  const { hasExpired } = await import('./expired.ts');
  if (!hasExpired(context)) return;
  const { sweepExpired } = await import('./sweep.ts');
  await sweepExpired(context);
}

async function version({ out, installation }: Context, format: Format): Promise<number> {
  if (format === 'json') out.document('version', { version: installation.version });
  else await out.print([`jit ${installation.version}`]);
  return 0;
}

async function report(context: Context, error: JitError, argv: readonly string[]): Promise<number> {
  const { out, env } = context;
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

/** `jit exec` keeps the small numbers for its command. */
function statusOf({ facts }: JitError, argv: readonly string[]): number {
  const interrupted = facts.exit === ERRORS.ERR_INTERRUPTED.exit || facts.exit === ERRORS.ERR_TERMINATED.exit;
  return argv[0] === 'exec' && !interrupted ? 100 + facts.exit : facts.exit;
}

/** Also for a command line that could not be read. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}
