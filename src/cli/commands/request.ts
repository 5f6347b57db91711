/**
 * `jit request`: access for a while, through a profile that ends with it.
 * @module
 */
import { checkProfileName } from '../../profiles/aws/names.ts';
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
import type { Wish } from '../access/install.ts';
import { type Consent, consentOf, YES_FLAG } from '../access/consent.ts';
import { awaitGrant, bodyOf, newKey, submit } from '../access/submit.ts';
import { command, type Input, single, usage } from '../command.ts';

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
  flags: [
    ...ACCESS_FLAGS,
    { name: 'profile', value: 'name', about: 'name of the aws profile; made up if left out' },
    { name: 'plan', about: 'submit nothing: show decision, permission and revocation' },
    { name: 'no-wait', about: 'do not wait for a decision' },
    TIMEOUT_FLAG,
    YES_FLAG,
    {
      name: 'write-credentials',
      about: 'also write the keys to ~/.aws/credentials, for tools\nthat read nothing else',
    },
  ],
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
    const body = bodyOf(access);
    if (step.kind === 'plan') {
      const { showPlan } = await import('../access/plan.ts');
      return await showPlan(context, body, access);
    }
    const { checkWish, install } = await import('../access/install.ts');
    await checkWish(context, step.wish);
    // The keeper is there before anything is granted, so that a keeper that cannot start costs no grant.
    await Promise.all([context.broker(), context.keeper()]);
    const outcome = await submit(context, body, newKey(context.random));
    const granted = await awaitGrant(context, outcome, { ...step, format: options.format });
    const profile = await install(context, granted, step.wish);
    const { reportGranted } = await import('../access/report.ts');
    await reportGranted(context, granted, profile, options.format);
    return 0;
  },
});

function parseStep(input: Input): RequestOptions['step'] {
  const profile = single(input, 'profile');
  const keys = input.switches.has('write-credentials');
  const patience = parsePatience(input);
  const wish: Wish = {
    profile: profile === null ? null : checkProfileName(profile),
    holds: keys ? 'keys' : 'process',
    onFailure: 'revoke',
  };
  if (!input.switches.has('plan')) return { kind: 'ask', patience, consent: consentOf(input), wish };
  if (input.switches.has('no-wait')) throw usage('--plan and --no-wait exclude each other');
  return { kind: 'plan' };
}
