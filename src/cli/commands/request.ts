/**
 * `jit request`: access for a while, through a profile that ends with it.
 * @module
 */
import { completeAccess } from '../access/complete.ts';
import {
  ACCESS_FLAGS,
  ACCESS_POSITIONALS,
  type AccessOptions,
  KEYS_FLAG,
  parseAccess,
  parsePatience,
  type Patience,
  PROFILE_FLAGS,
  parseWish,
  TIMEOUT_FLAG,
} from '../access/flags.ts';
import type { Wish } from '../access/install.ts';
import { type Consent, consentOf, YES_FLAG } from '../access/consent.ts';
import { obtainProfile } from '../access/obtain.ts';
import { command, type Input, usage } from '../command.ts';

export type RequestOptions = AccessOptions & {
  readonly step:
    | { readonly kind: 'plan' }
    | {
        readonly kind: 'ask';
        readonly patience: Patience;
        readonly consent: Consent;
        readonly wish: Wish;
      };
};

export const request = command<RequestOptions>({
  name: 'request',
  group: 'everyday',
  summary: 'ask for access and get a profile that ends with it',
  positionals: ACCESS_POSITIONALS,
  flags: [...ACCESS_FLAGS, ...PROFILE_FLAGS, TIMEOUT_FLAG, YES_FLAG, KEYS_FLAG],
  examples: [
    {
      about: 'read the reports for a quarter of an hour',
      line: "jit request s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 15m \\\n      --reason 'look at the reports'",
    },
    {
      about: 'what would happen? nothing is submitted',
      line: "jit request s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 15m \\\n      --reason x --plan",
    },
    {
      about: 'in a script',
      line: 'profile=$(jit request … --json | jq -r .profile.name)',
    },
  ],
  notes: [
    'Exit status: 0 granted, 2 usage, 4 not signed in, 5 denied, 6 still pending,\n' +
      '7 ended, 8 broker unreachable, 10 the cloud failed, 11 local file problem.\n' +
      'With --plan: 0 would be granted, 5 would be denied.',
  ],
  parse: (input) => ({ ...parseAccess(input), step: parseStep(input) }),
  run: async (context, options) => {
    const { step } = options;
    const access = await completeAccess(context, options);
    if (step.kind === 'plan') {
      const { showPlan } = await import('../access/plan.ts');
      return await showPlan(context, access);
    }
    return await obtainProfile(context, access, { ...step, format: options.format });
  },
});

function parseStep(input: Input): RequestOptions['step'] {
  const [patience, wish] = [parsePatience(input), parseWish(input)];
  if (!input.switches.has('plan')) return { kind: 'ask', patience, consent: consentOf(input), wish };
  if (input.switches.has('no-wait')) throw usage('--plan and --no-wait exclude each other');
  return { kind: 'plan' };
}
