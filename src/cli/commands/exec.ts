/**
 * `jit exec`: one command with access, and none left behind.
 * @module
 */
import { completeAccess } from '../access/complete.ts';
import {
  ACCESS_FLAGS,
  ACCESS_POSITIONALS,
  type AccessOptions,
  parseAccess,
  parsePatience,
  type Patience,
  TIMEOUT_FLAG,
} from '../access/flags.ts';
import { type Consent, consentOf, YES_FLAG } from '../access/consent.ts';
import { obtain } from '../access/obtain.ts';
import { command, usage } from '../command.ts';

export interface ExecOptions extends AccessOptions {
  readonly patience: Patience;
  readonly consent: Consent;
  readonly argv: readonly string[];
}

export const exec = command<ExecOptions>({
  name: 'exec',
  group: 'everyday',
  summary: 'run one command with access that ends with it',
  positionals: ACCESS_POSITIONALS,
  flags: [...ACCESS_FLAGS, TIMEOUT_FLAG, YES_FLAG],
  tail: '<command...>',
  examples: [
    {
      about: 'one command, no profile, nothing left behind',
      line: "jit exec s3:ListBucket arn:aws:s3:::sandbox-reports --for 5m \\\n      --reason 'nightly report' -- aws s3 ls s3://sandbox-reports",
    },
    { about: 'a script with arguments', line: "jit exec deploy-web --for 30m --reason 'OPS-12' -- ./deploy.sh --fast" },
  ],
  notes: [
    "Exit status: the command's own, 128 and more after a signal. Where jit fails\n" +
      'before the command runs: 100 and the number that jit request would give, such\n' +
      'as 105 denied or 108 broker unreachable. 126 and 127 as in a shell. 107 when\n' +
      'the grant ended under the running command.',
    '--json: stdout belongs to the command; an error of jit before it runs is one\ndocument there.',
  ],
  parse: (input) => {
    if (input.tail === null || input.tail.length === 0) {
      throw usage('which command?', 'write it behind --, such as: jit exec … -- aws s3 ls');
    }
    return { ...parseAccess(input), patience: parsePatience(input), consent: consentOf(input), argv: input.tail };
  },
  run: async (context, options) => {
    const access = await completeAccess(context, options);
    const { runWithGrant } = await import('../exec/grant.ts');
    return await runWithGrant(context, await obtain(context, access, options), options.argv);
  },
});
