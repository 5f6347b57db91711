/**
 * The way in. What must be quick comes first; everything else is loaded when it is needed.
 * @module
 */
import { BROKEN_PIPE, type OpenSink, openSink } from './sink.ts';

/** @param argv without the runtime and the script. @returns the exit status; never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first === undefined || (argv.length === 1 && (first === '--help' || first === '-h' || first === 'help'))) {
    const stdout = openSink(1);
    if (await quickHelp(stdout)) return stdout.broken() ? BROKEN_PIPE : 0;
  }
  const { runProgram } = await import('./dispatch.ts');
  return await runProgram(argv);
}

/** @returns whether that was all; false leaves everything to the rest of the program, such as saying what went wrong. */
async function quickHelp(stdout: OpenSink): Promise<boolean> {
  try {
    stdout.write((await import('./root-help.ts')).ROOT_HELP);
    return true;
  } catch {
    return false;
  }
}
