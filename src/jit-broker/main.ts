/**
 * The program `jit-broker`: the only place that joins the broker, its store and the providers.
 * @module
 */
import { Command, CommanderError } from 'commander';
import { asJitError, JitError } from '../core/errors.ts';
import { parseDuration } from '../core/duration.ts';
import { version } from './version.ts';

interface ServeFlags {
  readonly embedded?: true;
  readonly config?: string;
  readonly state?: string;
  readonly idle: string;
}

/** @returns the exit status. Prints errors to stderr, as `jit` does. */
export async function main(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = new Command('jit-broker')
    .description(
      'The broker of jit: decides on requests, has clouds issue narrow credentials, and takes them away again.',
    )
    .version(version)
    .exitOverride()
    .addHelpText(
      'after',
      '\nexamples:\n  jit-broker serve --embedded\n  jit-broker serve --config /etc/jit/broker.yaml --state /var/lib/jit\n  jit-broker openapi > openapi.json',
    );
  program
    .command('serve')
    .description('run the broker until it is told to stop')
    .option('--embedded', 'for this user alone, on a socket; what jit starts by itself when no broker is configured')
    .option('--config <file>', 'the configuration of a shared broker')
    .option('--state <folder>', "a private folder for the shared broker's database and keys")
    .option('--idle <duration>', 'embedded: end after this long with no live grant and no call', '5m')
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('./serve.ts');
      const idleSeconds = parseDuration(flags.idle);
      if (flags.embedded === true) {
        if (flags.config !== undefined || flags.state !== undefined) throw usage('--embedded stands alone');
        status = await serve({ kind: 'embedded', idleSeconds });
      } else if (flags.config !== undefined && flags.state !== undefined) {
        status = await serve({ kind: 'shared', config: flags.config, state: flags.state });
      } else {
        throw usage('say which broker: --embedded, or --config FILE --state FOLDER');
      }
    });
  program
    .command('openapi')
    .description('print the OpenAPI document of the HTTP API')
    .action(async () => {
      const { openApiDocument } = await import('./openapi.ts');
      process.stdout.write(`${JSON.stringify(openApiDocument(), null, 2)}\n`);
    });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (thrown) {
    // Commander has already printed what is wrong, or the help that was asked for.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    const error = asJitError(thrown);
    const hint = error.hint === undefined ? '' : `hint: ${error.hint}\n`;
    const detail = error.code === 'ERR_UNEXPECTED' && error.cause instanceof Error ? ` (${error.cause.name})` : '';
    process.stderr.write(`jit-broker: ${error.message}${detail}\n${hint}`);
    return error.facts.exit;
  }
}

const usage = (message: string): JitError =>
  new JitError({ code: 'ERR_USAGE', message, hint: 'jit-broker serve --help' });
