/**
 * The program `jit-broker`: the only place that joins the broker, its store and the providers.
 * @module
 */
import { Command, CommanderError } from 'commander';
import { parseDuration } from '../core/duration.ts';
import { asJitError, JitError } from '../core/errors.ts';
import type { InitAwsFlags } from './init-aws.ts';
import type { InitFlags } from './init.ts';
import type { BrokerFlags, KeysWorld, RotateFlags } from './keys.ts';
import { openOutput, type Output } from './output.ts';
import { version } from './version.ts';

interface ServeFlags {
  readonly embedded?: true;
  readonly config?: string;
  readonly state?: string;
  readonly idle: string;
}

/** @returns the exit status. Prints errors to stderr, or with `--json` to stdout, as `jit` does. */
export async function main(argv: readonly string[]): Promise<number> {
  const out = openOutput(argv.includes('--json') ? 'json' : 'human', process.stdout, process.stderr);
  const ended = { status: 0 };
  const program = new Command('jit-broker')
    .description(
      'The broker of jit: decides on requests, has clouds issue narrow credentials, and takes them away again.',
    )
    .version(version)
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', examples(EXAMPLES));
  // Subcommands take this over from their parent when they are made.
  if (out.format === 'json') program.configureOutput({ outputError: () => undefined });
  addServe(program, ended);
  addInit(program, out);
  addKeys(program, out);
  program
    .command('openapi')
    .description('print the OpenAPI document of the HTTP API')
    .addHelpText('after', examples(['jit-broker openapi > openapi.json']))
    .action(async () => {
      const { openApiDocument } = await import('./openapi.ts');
      process.stdout.write(`${JSON.stringify(openApiDocument(), null, 2)}\n`);
    });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return ended.status;
  } catch (thrown) {
    return report(thrown, out);
  }
}

const EXAMPLES = [
  'jit-broker init --issuer https://jit.example.com --idp-issuer https://idp.example.com --client-id jit --behind-proxy',
  'jit-broker serve --config /etc/jit/broker.yaml --state /var/lib/jit',
  'jit-broker init aws --help',
  'jit-broker keys rotate --config /etc/jit/broker.yaml --state /var/lib/jit',
  'jit-broker serve --embedded',
  'jit-broker openapi > openapi.json',
];

const examples = (lines: readonly string[]): string => `\nexamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;

function addServe(program: Command, ended: { status: number }): void {
  program
    .command('serve')
    .description('run the broker until it is told to stop')
    .option('--embedded', 'for this user alone, on a socket; what jit starts by itself when no broker is configured')
    .option('--config <file>', 'the configuration of a shared broker')
    .option('--state <folder>', "a private folder for the shared broker's database and keys")
    .option('--idle <duration>', 'embedded: end after this long with no live grant and no call', '5m')
    .addHelpText('after', examples(['jit-broker serve --config /etc/jit/broker.yaml --state /var/lib/jit']))
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('./serve.ts');
      const idleSeconds = parseDuration(flags.idle);
      if (flags.embedded === true) {
        if (flags.config !== undefined || flags.state !== undefined) throw usage('--embedded stands alone');
        ended.status = await serve({ kind: 'embedded', idleSeconds });
      } else if (flags.config !== undefined && flags.state !== undefined) {
        ended.status = await serve({ kind: 'shared', config: flags.config, state: flags.state });
      } else {
        throw usage('say which broker: --embedded, or --config FILE --state FOLDER');
      }
    });
}

function addInit(program: Command, out: Output): void {
  const command = program
    .command('init')
    .enablePositionalOptions()
    .description('write a commented configuration, a first policy and a systemd unit for a shared broker')
    .argument('[folder]', 'where to write; as root /etc/jit')
    .option('--issuer <url>', 'the https address at which people and clouds reach this broker')
    .option('--idp-issuer <url>', 'the OpenID Connect issuer of your identity provider')
    .option('--client-id <id>', 'the client id of jit at the identity provider')
    .option('--behind-proxy', 'a proxy in front speaks TLS; the broker listens on loopback')
    .option('--tls-cert <file>', 'the broker speaks TLS itself, with this certificate chain (PEM)')
    .option('--tls-key <file>', 'its private key (PEM), readable by the user of the broker alone')
    .option('--host <address>', 'what to listen on; 127.0.0.1 behind a proxy, else 0.0.0.0')
    .option('--port <port>', 'what to listen on; 8080 behind a proxy, else the port of the issuer')
    .option('--state <folder>', 'where the broker is to keep its database and keys; as root /var/lib/jit')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `\nOn a terminal it asks for what is missing. It overwrites nothing, and writes everything or nothing.\n${examples(
        [
          'jit-broker init',
          'jit-broker init ./jit --issuer https://jit.example.com --idp-issuer https://idp.example.com --client-id jit \\',
          '  --behind-proxy',
          'jit-broker init /etc/jit --issuer https://jit.example.com --idp-issuer https://idp.example.com --client-id jit \\',
          '  --tls-cert /etc/jit/tls/cert.pem --tls-key /etc/jit/tls/key.pem',
        ],
      )}`,
    )
    .action(async (folder: string | undefined, flags: InitFlags) => {
      const { init } = await import('./init.ts');
      const { openTerminal } = await import('./terminal.ts');
      const terminal = openTerminal(process.stdin, process.stderr);
      await init(folder, flags, { out, terminal, program: [process.execPath, process.argv[1] ?? 'jit-broker'] });
    });
  addInitAws(command, out);
}

function addInitAws(init: Command, out: Output): void {
  init
    .command('aws')
    .description('print what an AWS account needs for a target: roles and policies, as CloudFormation or Terraform')
    .option('--format <form>', 'cloudformation or terraform')
    .option('--issuer <url>', 'the issuer of the broker, whose tokens the account is to trust')
    .option('--config <file>', 'the configuration of the broker, to read the issuer from')
    .option('--ambient <arn>', 'instead of an issuer: the role that the broker runs under')
    .option('--existing-provider', 'the account has an OpenID Connect provider for this issuer already')
    .option('--account <number>', 'the AWS account')
    .option('--region <region>', 'the region of the target')
    .option('--environment <word>', 'the environment of the target, as policies name it')
    .option('--policy <file>', 'the most that any grant may use: an IAM policy (JSON), or the ARN of a managed one')
    .option('--role-name <name>', 'the role whose sessions grants are', 'jit')
    .option('--revoker-name <name>', 'the role that ends them early; by default the first and -revoker')
    .option('--target <name>', 'the name of the target; by default that of the role')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `\nThe template goes to stdout, and changes nothing by itself; what to do with it goes to stderr.\n${examples([
        'jit-broker init aws --format cloudformation --config /etc/jit/broker.yaml --account 123456789012 \\',
        '  --region eu-west-1 --environment prod --role-name jit-web --policy web.json > jit-web.yaml',
        'jit-broker init aws --format terraform --issuer https://jit.example.com --account 123456789012 \\',
        '  --region eu-west-1 --environment prod --policy arn:aws:iam::aws:policy/ReadOnlyAccess > main.tf',
        'jit-broker init aws --format terraform --ambient arn:aws:iam::210987654321:role/jit-broker \\',
        '  --account 123456789012 --region eu-west-1 --environment staging --policy staging.json > main.tf',
      ])}`,
    )
    .action(async (flags: InitAwsFlags) => {
      const { initAws } = await import('./init-aws.ts');
      await initAws(flags, out);
    });
}

function addKeys(program: Command, out: Output): void {
  const world = async (): Promise<KeysWorld> => {
    const { openTerminal } = await import('./terminal.ts');
    const { steadyClock } = await import('./clock.ts');
    return { env: process.env, now: steadyClock(), out, terminal: openTerminal(process.stdin, process.stderr) };
  };
  const which = (command: Command): Command =>
    command
      .option('--config <file>', 'the configuration of a shared broker; without it the embedded one is meant')
      .option('--state <folder>', "the shared broker's folder")
      .option('--json', 'print one JSON document');
  const keys = which(program.command('keys'))
    .description('show the keys with which a broker signs for clouds: who signs, who is next, where they are published')
    .enablePositionalOptions()
    .addHelpText(
      'after',
      examples([
        'jit-broker keys',
        'jit-broker keys --config /etc/jit/broker.yaml --state /var/lib/jit --json',
        'jit-broker keys rotate --config /etc/jit/broker.yaml --state /var/lib/jit',
      ]),
    )
    .action(async (flags: BrokerFlags) => {
      const { showKeys } = await import('./keys.ts');
      await showKeys(flags, await world());
    });
  which(keys.command('rotate'))
    .description('publish a new key at once, and sign with it after an overlap')
    .option('--overlap <duration>', 'how long the old key still signs; 24h, for clouds keep the key set for long')
    .option('--algorithm <name>', 'ES256 or RS256, which Entra ID asks for; as before if left out')
    .option('--now', 'after a compromise: drop every key at once and sign with a new one')
    .option('--yes', 'with --now: do not ask')
    .addHelpText(
      'after',
      `\nA running broker notices within a second. The old key stays published until its last token has ended, 65 minutes\nafter it last signed.\n${examples(
        [
          'jit-broker keys rotate --config /etc/jit/broker.yaml --state /var/lib/jit',
          'jit-broker keys rotate --config /etc/jit/broker.yaml --state /var/lib/jit --overlap 7d',
          'jit-broker keys rotate --config /etc/jit/broker.yaml --state /var/lib/jit --algorithm RS256',
          'jit-broker keys rotate --config /etc/jit/broker.yaml --state /var/lib/jit --now --yes',
        ],
      )}`,
    )
    .action(async (flags: RotateFlags) => {
      const { rotate } = await import('./keys.ts');
      await rotate(flags, await world());
    });
}

function report(thrown: unknown, out: Output): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0;
    // For people commander has already printed what is wrong, or the help that was asked for.
    const message = thrown.message.replace(/^error: /, '');
    if (out.format === 'json') out.error(new JitError({ code: 'ERR_USAGE', message }));
    return 2;
  }
  const error = asJitError(thrown);
  out.error(error);
  return error.facts.exit;
}

const usage = (message: string): JitError =>
  new JitError({ code: 'ERR_USAGE', message, hint: 'jit-broker serve --help' });
