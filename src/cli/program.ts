/**
 * From argv to a bound command: commander's tree, made from the commands' own facts.
 * @module
 */
import { Argument, Command as Node, CommanderError, Option } from 'commander';
import { display } from '../core/display.ts';
import { didYouMean } from '../core/suggest.ts';
import { type Bound, type Command, type Facts, GROUPS, type Input, JSON_FLAG, usage } from './command.ts';
import { COMMANDS } from './commands/all.ts';

/** What a command line asks for. */
export type Invocation =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly command: string; readonly bound: Bound };

const WIDTH = 80;

const HEADINGS = {
  everyday: 'Everyday:',
  approvals: 'Decide for others:',
  identity: 'Who you are:',
  inspect: 'Look:',
  local: 'On this machine:',
  other: 'Other:',
} as const;

/** Pure. @param argv without the runtime and the script. Throws `JitError` for what jit does not understand. */
export function readCommandLine(argv: readonly string[]): Invocation {
  const { own, tail } = splitTail(argv);
  let found: Invocation | null = null;
  let text = '';
  const root = buildTree(COMMANDS, {
    help: (piece) => {
      text += piece;
    },
    act: (command, input) => {
      found = { kind: 'run', command: command.name, bound: command.bind({ ...input, tail }) };
    },
  });
  try {
    root.parse([...own], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode !== 0 && thrown.code !== 'commander.help') throw translate(thrown, own);
  }
  return found ?? { kind: 'help', text: text === '' ? root.helpInformation() : text };
}

/** The tree for help and completion; it is never asked to parse. */
export function commandTree(): Node {
  return buildTree(COMMANDS, { help: () => undefined, act: () => undefined });
}

/** Cuts at the first `--`, for the commands that take a command line after it. */
function splitTail(argv: readonly string[]): { own: readonly string[]; tail: readonly string[] | null } {
  const at = argv.indexOf('--');
  const takesTail = COMMANDS.some(({ name, tail }) => name === argv[0] && tail !== undefined);
  return at < 0 || !takesTail ? { own: argv, tail: null } : { own: argv.slice(0, at), tail: argv.slice(at + 1) };
}

interface Hooks {
  readonly help: (text: string) => void;
  readonly act: (command: Command, input: Omit<Input, 'tail'>) => void;
}

function buildTree(commands: readonly Command[], hooks: Hooks): Node {
  const root = new Node('jit');
  settle(root, hooks)
    .description('just-in-time cloud access: what one task needs, for as long as it lasts')
    .usage('<command> [options]')
    .option('-V, --version', 'print the version')
    .addHelpText(
      'after',
      '\nExample:\n' +
        "  jit request s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 15m \\\n" +
        "      --reason 'look at the reports'\n" +
        '\njit <command> --help has examples of each command and its exit statuses.',
    );
  root.addHelpCommand(
    new Node('help')
      .argument('[command]', 'one of these')
      .description('show help for a command')
      .helpGroup(HEADINGS.other),
  );
  for (const group of [...GROUPS, 'hidden'] as const) {
    for (const command of commands.filter((each) => each.group === group)) {
      const node = addCommand(root, command, hooks);
      if (group !== 'hidden') node.helpGroup(HEADINGS[group]);
    }
  }
  return root;
}

function addCommand(root: Node, command: Command, hooks: Hooks): Node {
  const node = settle(root.command(command.name, { hidden: command.group === 'hidden' }), hooks)
    .summary(command.summary)
    .description(command.summary)
    .usage(usageLine(command));
  for (const { name, about, takes } of command.positionals) {
    const shape = { one: `<${name}>`, 'at most one': `[${name}]`, 'any number': `[${name}...]` }[takes];
    node.addArgument(new Argument(shape, about));
  }
  for (const flag of [...command.flags, JSON_FLAG]) {
    const option = new Option(`--${flag.name}${flag.value === undefined ? '' : ` <${flag.value}>`}`, flag.about);
    // Every value is collected: whether a flag may come twice is for the command to say.
    if (flag.value !== undefined) option.argParser((value, before: string[] | undefined) => [...(before ?? []), value]);
    node.addOption(option.hideHelp(flag.hidden ?? false));
  }
  node.addHelpText('after', examplesOf(command));
  node.action(() => hooks.act(command, readInput(node, command)));
  return node;
}

function settle(node: Node, hooks: Hooks): Node {
  return node
    .exitOverride()
    .showSuggestionAfterError(false)
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ helpWidth: WIDTH, subcommandTerm: (command) => command.name() })
    .configureOutput({ writeOut: hooks.help, writeErr: hooks.help, outputError: () => undefined });
}

function usageLine({ positionals, tail }: Facts): string {
  const words = positionals.map(({ name, takes }) =>
    takes === 'one' ? `<${name}>` : takes === 'any number' ? `[${name}...]` : `[${name}]`,
  );
  return ['[options]', ...words, ...(tail === undefined ? [] : [`-- ${tail}`])].join(' ');
}

function examplesOf({ examples, notes = [] }: Facts): string {
  const lines = examples.flatMap(({ line, about }) => [`  # ${about}`, `  ${line}`]);
  return ['', 'Examples:', ...lines, ...notes.flatMap((note) => ['', note])].join('\n');
}

function readInput(node: Node, command: Command): Omit<Input, 'tail'> {
  const given: ReadonlyMap<string, unknown> = new Map(
    Object.entries(node.opts()).map(([key, value]: [string, unknown]) => [dashed(key), value]),
  );
  const values = new Map<string, readonly string[]>();
  const switches = new Set<string>();
  for (const { name } of [...command.flags, JSON_FLAG]) {
    const value = given.get(name);
    // commander takes --no-x for the opposite of --x.
    if (value === true || (name.startsWith('no-') && given.get(name.slice(3)) === false)) switches.add(name);
    else if (Array.isArray(value)) values.set(name, value.map(String));
  }
  return { words: node.args, values, switches, format: switches.has(JSON_FLAG.name) ? 'json' : 'human' };
}

/** commander names options in camel case. */
function dashed(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function translate(error: CommanderError, argv: readonly string[]): Error {
  const name = argv[0] ?? '';
  const known = COMMANDS.find((each) => each.name === name);
  const see = `see: jit ${known === undefined ? '' : `${known.name} `}--help`;
  const quoted = /'([\s\S]*)'/.exec(error.message)?.[1] ?? '';
  switch (error.code) {
    case 'commander.unknownCommand': {
      const visible = COMMANDS.filter(({ group }) => group !== 'hidden').map((each) => each.name);
      return usage(`there is no command ${display(name, 80)}`, didYouMean(name, visible) ?? see);
    }
    case 'commander.unknownOption': {
      const flags =
        known === undefined ? ['--version', '--help'] : [...known.flags, JSON_FLAG].map((flag) => `--${flag.name}`);
      return usage(`there is no option ${display(quoted, 80)}`, didYouMean(quoted, flags) ?? see);
    }
    case 'commander.missingArgument':
      return usage(`${display(quoted, 80)} is missing`, see);
    case 'commander.optionMissingArgument':
      return usage(`${display(quoted.split(' ')[0] ?? '', 80)} needs a value`, see);
    case 'commander.excessArguments':
      return usage('there are more words than this command takes', `quote what contains spaces; ${see}`);
    default:
      return usage('that is not a command line that jit understands', see);
  }
}
