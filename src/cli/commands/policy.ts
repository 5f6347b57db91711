/**
 * `jit policy`: check, test, explain and compare rules, on files; and explain what the broker in use decided.
 * @module
 */
import { display } from '../../core/display.ts';
import { type GrantId, isGrantId, isRequestId, type RequestId } from '../../core/ids.ts';
import { didYouMean } from '../../core/suggest.ts';
import { command, type Input, single, usage } from '../command.ts';
import type { Format } from '../output.ts';
import { ASK_FLAGS, readAskFlags, type AskFlags } from '../policy/flags.ts';

/** Paths as typed; null where the command looks in its own places. */
export type PolicyOptions = { readonly format: Format; readonly config: string | null } & (
  | { readonly verb: 'check'; readonly policies: string | null; readonly warnings: 'shown' | 'fatal' }
  | { readonly verb: 'test'; readonly cases: string; readonly policies: string | null }
  | {
      readonly verb: 'explain';
      readonly policies: string | null;
      readonly cases: string | null;
      readonly ask:
        | { readonly kind: 'case'; readonly name: string }
        | { readonly kind: 'flags'; readonly flags: AskFlags };
    }
  | { readonly verb: 'explain-request'; readonly id: GrantId | RequestId }
  | { readonly verb: 'diff'; readonly before: string; readonly after: string; readonly cases: string | null }
);

const VERBS = ['check', 'test', 'explain', 'diff'] as const;

export const policy = command<PolicyOptions>({
  name: 'policy',
  group: 'inspect',
  summary: 'check, test, explain and compare policies',
  positionals: [
    { name: 'verb', about: 'check, test, explain or diff', takes: 'one', offers: VERBS },
    {
      name: 'file',
      about: 'a .cedar file or a folder of them; test: first the file of cases; explain: or an id (req_…, gr_…)',
      takes: 'any number',
    },
  ],
  flags: [
    { name: 'config', value: 'broker.yaml', about: 'take targets and operations from a broker configuration' },
    { name: 'diff', about: 'check: compare instead two sets of policies, OLD and NEW; the same as diff' },
    { name: 'cases', value: 'cases.yaml', about: 'explain, diff: a file of cases' },
    { name: 'case', value: 'name', about: 'explain: this case of the file' },
    { name: 'strict', about: 'check: warnings count as errors' },
    ...ASK_FLAGS,
  ],
  examples: [
    {
      about: 'errors, and rules that do not do what they seem to',
      line: 'jit policy check ./policies --config broker.yaml',
    },
    { about: 'in CI: is everything decided as it was meant?', line: 'jit policy test ./policies/cases.yaml' },
    {
      about: 'which rule denied my request, and what would change that?',
      line: 'jit policy explain req_01hv3k9x7m2q5w8e4r6t0yabcd',
    },
    {
      about: 'the same for something that nobody has asked for yet',
      line: 'jit policy explain ./policies --operation s3:GetObject --access read \\\n      --environment prod --tag sensitive --group engineers',
    },
    {
      about: 'or for a case of the file',
      line: "jit policy explain ./policies --cases cases.yaml --case 'reads logs'",
    },
    {
      about: 'what would I get at 3 a.m., as responder to a severe incident?',
      line: 'jit policy explain ./policies --config broker.yaml --break-glass --severity 1 \\\n      --service web --responder --operation rollback-web --access write \\\n      --target prod-web --group engineers',
    },
    {
      about: 'who gains and who loses what',
      line: 'jit policy check --diff ./policies ./policies.new --cases cases.yaml',
    },
  ],
  notes: [
    'Without a folder, check and explain look at the policies of your own embedded\nbroker, and test at those beside the file of cases.',
    'With an id, explain asks the broker in use, and says what was decided then and\nwhat would be now. All else is about files, and asks no broker.',
    'Exit status: 0 as it should be; 1 errors in the policies, a case that came out\notherwise, or a warning with --strict; 2 a mistake in the command line, in the\nfile of cases or in the configuration.',
  ],
  parse: parsePolicy,
  // Cedar and YAML are loaded only by who needs them.
  run: async (context, options) => await (await import('../policy/run.ts')).runPolicy(context, options),
});

/** Which flags each verb takes, besides --config and --json. */
const TAKES: Readonly<Record<(typeof VERBS)[number], readonly string[]>> = {
  check: ['strict'],
  test: [],
  explain: ['cases', 'case', ...ASK_FLAGS.map(({ name }) => name)],
  diff: ['cases'],
};

function parsePolicy(input: Input): PolicyOptions {
  const [verb = '', ...files] = input.words;
  const named = VERBS.find((each) => each === verb);
  if (named === undefined) {
    throw usage(`jit policy cannot ${display(verb, 40)}`, didYouMean(verb, VERBS) ?? `one of: ${VERBS.join(', ')}`);
  }
  // Two spellings of one thing: whoever checks a change asks for it there.
  const compares = named === 'check' && input.switches.has('diff');
  const known = compares ? 'diff' : named;
  const anywhere = ['config', 'json', ...(compares ? ['diff'] : [])];
  const given = [...input.values.keys(), ...input.switches].filter((name) => !anywhere.includes(name));
  const stray = given.find((name) => !TAKES[known].includes(name));
  if (stray !== undefined) {
    throw usage(`jit policy ${compares ? 'check --diff' : known} takes no --${stray}`, 'see: jit policy --help');
  }
  const common = { format: input.format, config: single(input, 'config') };
  const cases = single(input, 'cases');
  switch (known) {
    case 'check': {
      const [policies = null] = atMost(files, 1, known);
      return { verb: known, policies, warnings: input.switches.has('strict') ? 'fatal' : 'shown', ...common };
    }
    case 'test': {
      const [first, policies = null] = atMost(files, 2, known);
      if (first === undefined) throw usage('the file of cases is missing', 'jit policy test cases.yaml');
      return { verb: known, cases: first, policies, ...common };
    }
    case 'explain': {
      const [policies = null] = atMost(files, 1, known);
      if (policies !== null && (isRequestId(policies) || isGrantId(policies))) {
        const more = [...input.values.keys(), ...input.switches].find((each) => each !== 'json');
        if (more !== undefined) throw usage(`an id says everything, --${more} too`, 'give one of them');
        return { verb: 'explain-request', id: policies, ...common };
      }
      const name = single(input, 'case');
      if (name === null)
        return { verb: known, policies, cases, ask: { kind: 'flags', flags: readAskFlags(input) }, ...common };
      if (cases === null) throw usage('--case names a case of a file', 'add: --cases cases.yaml');
      const other = given.find((each) => each !== 'case' && each !== 'cases');
      if (other !== undefined) throw usage(`--case says everything, --${other} too`, 'give one of them');
      return { verb: known, policies, cases, ask: { kind: 'case', name }, ...common };
    }
    case 'diff': {
      const [before, after] = atMost(files, 2, known);
      if (before === undefined || after === undefined) {
        throw usage('diff needs the policies before and after', 'jit policy check --diff OLD NEW');
      }
      return { verb: known, before, after, cases, ...common };
    }
  }
}

function atMost(files: readonly string[], most: number, verb: string): readonly string[] {
  if (files.length > most) throw usage(`jit policy ${verb} takes at most ${most} ${most === 1 ? 'path' : 'paths'}`);
  return files;
}
