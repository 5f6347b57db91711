/**
 * Dispatch: from argv to a command that runs, or to an error that is reported.
 * @module
 */
import { asJitError } from '../core/errors.ts';
import type { Bound } from './command.ts';
import type { Context } from './context.ts';
import type { Format } from './output.ts';
import { reportError } from './report-error.ts';
import { BROKEN_PIPE } from './sink.ts';
import { openWorld, type World } from './world.ts';

/** @param argv without the runtime and the script. @returns the exit status; never rejects. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const world = openWorld();
  try {
    const status = await dispatch(world, argv);
    return status === 0 && world.stdoutBroken() ? BROKEN_PIPE : status;
  } catch (thrown) {
    return await reportError(world.context, asJitError(thrown), argv);
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
