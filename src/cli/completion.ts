/**
 * Completion scripts for shells, made from the commands' own facts. They are static, and ask jit only for
 * live grants, open requests, reviews and incidents, and the names of brokers.
 * @module
 */
import { type Command, type Flag, JSON_FLAG } from './command.ts';

export const COMPLETION_SHELLS = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof COMPLETION_SHELLS)[number];

/** What the scripts run on the tab key. */
const ASKED = {
  grants: 'jit completion grants 2>/dev/null',
  requests: 'jit completion requests 2>/dev/null',
  reviews: 'jit completion reviews 2>/dev/null',
  incidents: 'jit completion incidents 2>/dev/null',
  brokers: 'jit completion brokers 2>/dev/null',
} as const;

/** The script, to be sourced. Every word in it comes from the facts, none from a user. */
export function completionScript(shell: CompletionShell, commands: readonly Command[]): string {
  const visible = commands.filter(({ group }) => group !== 'hidden');
  switch (shell) {
    case 'bash':
      return bash(visible);
    case 'zsh':
      return zsh(visible);
    case 'fish':
      return fish(visible);
  }
}

function flagsOf(command: Command): readonly Flag[] {
  return [
    ...command.flags.filter(({ hidden }) => hidden !== true),
    JSON_FLAG,
    { name: 'help', about: 'show this help' },
  ];
}

/** What is run for the words of a command. */
function askedOf({ positionals }: Command): readonly string[] {
  return positionals.flatMap(({ offers }) => (typeof offers === 'string' ? [ASKED[offers]] : []));
}

function wordsOf({ positionals }: Command): readonly string[] {
  return positionals.flatMap(({ offers }) => (offers === undefined || typeof offers === 'string' ? [] : offers));
}

/** Flags whose value the shell cannot guess, so that it offers nothing instead of the wrong thing. */
function valued(command: Command): readonly Flag[] {
  return command.flags.filter(({ value }) => value !== undefined);
}

const bashWords = (offers: NonNullable<Flag['offers']>): string =>
  typeof offers === 'string' ? `"$(${ASKED[offers]})"` : `'${offers.join(' ')}'`;

function bash(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const cases = commands.map((command) => {
    const flags = flagsOf(command)
      .map(({ name }) => `--${name}`)
      .join(' ');
    const values = valued(command)
      .map(
        ({ name, offers }) =>
          `        --${name}) COMPREPLY=(${offers === undefined ? '' : `$(compgen -W ${bashWords(offers)} -- "$word")`}); return ;;`,
      )
      .join('\n');
    const words = [...wordsOf(command), ...askedOf(command).map((each) => `$(${each})`)].join(' ');
    return [
      `    ${command.name})`,
      ...(values === '' ? [] : ['      case $before in', values, '      esac']),
      `      if [[ $word == -* ]]; then words='${flags}'; else words="${words}"; fi ;;`,
    ].join('\n');
  });
  return `# bash completion for jit; load it with: source <(jit completion bash)
_jit() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words='' index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    if [[ \${COMP_WORDS[index]} == -- ]]; then
      COMPREPLY=($(compgen -c -f -- "$word"))
      return
    fi
  done
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${names} help --help --version' -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
    help) words='${names}' ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _jit jit
`;
}

const zshQuote = (text: string): string => `'${text.replace(/\n/g, ' ').replaceAll("'", "'\\''")}'`;
const zshItem = (name: string, about: string): string => zshQuote(`${name.replaceAll(':', '\\:')}:${about}`);

const zshWords = (offers: NonNullable<Flag['offers']>): string =>
  typeof offers === 'string' ? `\${(f)"$(${ASKED[offers]})"}` : offers.map(zshQuote).join(' ');

function zsh(commands: readonly Command[]): string {
  const list = commands.map(({ name, summary }) => `    ${zshItem(name, summary)}`).join('\n');
  const cases = commands.map((command) => {
    const flags = flagsOf(command)
      .map(({ name, about }) => zshItem(`--${name}`, about))
      .join(' ');
    const words = wordsOf(command).map(zshQuote).join(' ');
    return [
      `    ${command.name})`,
      ...valued(command).map(
        ({ name, offers }) =>
          `      if [[ $before == --${name} ]]; then ${offers === undefined ? '' : `compadd -- ${zshWords(offers)}; `}return; fi`,
      ),
      `      if [[ $PREFIX == -* ]]; then items=(${flags}); _describe option items`,
      `      else compadd -- ${words}${askedOf(command)
        .map((each) => ` \${(f)"$(${each})"}`)
        .join('')}; fi ;;`,
    ].join('\n');
  });
  return `#compdef jit
# zsh completion for jit; put it on your fpath as _jit, or load it with: source <(jit completion zsh)
_jit() {
  local before=\${words[CURRENT-1]}
  local -a items
  if (( \${words[(I)--]} && \${words[(I)--]} < CURRENT )); then
    _command_names -e || _files
    return
  fi
  if (( CURRENT == 2 )); then
    items=(
${list}
    )
    _describe command items
    return
  fi
  case \${words[2]} in
${cases.join('\n')}
  esac
}
if [[ \${funcstack[1]} == _jit ]]; then
  _jit "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _jit jit
fi
`;
}

const fishQuote = (text: string): string =>
  `'${text.replace(/\n/g, ' ').replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const fishWords = (offers: NonNullable<Flag['offers']>): string =>
  fishQuote(typeof offers === 'string' ? `(${ASKED[offers]})` : offers.join(' '));

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const here = `complete -c jit -n '__fish_seen_subcommand_from ${command.name}'`;
    return [
      `complete -c jit -n __fish_use_subcommand -a ${command.name} -d ${fishQuote(command.summary)}`,
      ...flagsOf(command).map(({ name, about, value, offers }) => {
        const takes = value === undefined ? '' : ` -x${offers === undefined ? '' : ` -a ${fishWords(offers)}`}`;
        return `${here} -l ${name} -d ${fishQuote(about)}${takes}`;
      }),
      ...wordsOf(command).map((word) => `${here} -a ${fishQuote(word)}`),
      ...askedOf(command).map((each) => `${here} -a '(${each})'`),
    ];
  });
  return `# fish completion for jit; load it with: jit completion fish | source\ncomplete -c jit -f\n${lines.join('\n')}\n`;
}
