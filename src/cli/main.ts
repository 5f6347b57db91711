/**
 * The way in. What must be quick comes first; everything else is loaded when it is needed.
 * @module
 */
import { BROKEN_PIPE, openSink } from './sink.ts';

/** @param argv without the runtime and the script. @returns the exit status; never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first === undefined || (argv.length === 1 && (first === '--help' || first === '-h' || first === 'help'))) {
    const { ROOT_HELP } = await import('./root-help.ts');
    const stdout = openSink(1);
    stdout.write(ROOT_HELP);
    return stdout.broken() ? BROKEN_PIPE : 0;
  }
  if (first === 'status' && argv.slice(1).every((word) => word === '--json')) {
    const stdout = openSink(1);
    const { hasExpired } = await import('./expired.ts');
    const { quickStatus } = await import('./quick-status.ts');
    const quick =
      !hasExpired({ env: process.env, now: Date.now }) &&
      (await quickStatus(stdout, argv.length > 1 ? 'json' : 'human'));
    if (quick) return stdout.broken() ? BROKEN_PIPE : 0;
  }
  const { runProgram } = await import('./dispatch.ts');
  return await runProgram(argv);
}
