/**
 * `jit breakglass`: access for as long as an emergency lasts, and no longer.
 * @module
 */
import { canAsk, type Consent, consentOf, YES_FLAG } from '../access/consent.ts';
import { completeEmergency, type Emergency, type EmergencyOptions } from '../access/emergency.ts';
import {
  ACCESS_FLAGS,
  ACCESS_POSITIONALS,
  KEYS_FLAG,
  parseAlso,
  parseAsk,
  parsePatience,
  parseTarget,
  parseTerms,
  parseWish,
  type Patience,
  PROFILE_FLAGS,
  TIMEOUT_FLAG,
} from '../access/flags.ts';
import type { Wish } from '../access/install.ts';
import { obtain, obtainProfile } from '../access/obtain.ts';
import { command, type Input, single, usage } from '../command.ts';
import type { Context } from '../context.ts';

export interface BreakglassOptions extends EmergencyOptions {
  readonly step: Step;
}

type Step =
  /** Nothing was said at all: which incidents are there? */
  | { readonly kind: 'look' }
  | { readonly kind: 'drill' }
  | { readonly kind: 'plan' }
  | ({ readonly kind: 'profile'; readonly wish: Wish } & Waiting)
  | ({ readonly kind: 'command'; readonly argv: readonly string[] } & Waiting);

interface Waiting {
  readonly patience: Patience;
  readonly consent: Consent;
}

export const breakglass = command<BreakglassOptions>({
  name: 'breakglass',
  group: 'everyday',
  summary: 'access in an emergency, gone when its incident is closed',
  positionals: ACCESS_POSITIONALS,
  flags: [
    { name: 'incident', value: 'id', about: 'the open incident, such as INC-7', offers: 'incidents' },
    ...ACCESS_FLAGS,
    ...PROFILE_FLAGS,
    TIMEOUT_FLAG,
    { ...YES_FLAG, about: 'do not show what will happen, and do not ask' },
    KEYS_FLAG,
    { name: 'drill', about: 'rehearse all of it in the sandbox; print how long it took' },
  ],
  tail: '[command...]',
  examples: [
    {
      about: 'at three in the morning: what is missing is asked for',
      line: 'jit breakglass restart-web cluster=prod --incident INC-7 --for 30m',
    },
    {
      about: 'one command, as with jit exec',
      line: "jit breakglass s3:GetObject 'arn:aws:s3:::bucket/*' --incident INC-7 --for 30m \\\n      --reason 'read the export' -- ./rescue.sh",
    },
    {
      about: 'the open incidents that are yours, for scripts',
      line: "jit breakglass --json | jq -r '.items[].reference'",
    },
    { about: 'before it is needed', line: 'jit breakglass --drill' },
  ],
  notes: [
    'It ends when the incident is closed, and at its time at the latest. Everybody who\nwould otherwise have to approve it is told at once, and a review is opened that\nsomebody else has to close: jit review. Nothing else: the open incidents are listed.',
    'Exit status: as jit request; with a command as jit exec, 107 also when the incident\nwas closed under it. --drill: 0 only if every step held.',
  ],
  parse: (input) => {
    const target = single(input, 'target');
    const bare = input.words.length === 0 && single(input, 'operation') === null;
    return {
      ...parseTerms(input),
      ask: bare ? null : parseAsk(input),
      also: parseAlso(input),
      target: target === null ? null : parseTarget(target),
      step: parseStep(input),
    };
  },
  run: async (context, options) => {
    const { step, format } = options;
    switch (step.kind) {
      case 'look': {
        if (canAsk(context, format)) return await run(context, { ...options, step: JUST_ASK });
        const { showIncidents } = await import('../access/emergency-incidents.ts');
        return await showIncidents(context, format);
      }
      case 'drill': {
        const { runDrill } = await import('../drill/run.ts');
        return await runDrill(context, options);
      }
      case 'plan':
      case 'profile':
      case 'command':
        return await run(context, { ...options, step });
    }
  },
});

const JUST_ASK: Extract<Step, { kind: 'profile' }> = {
  kind: 'profile',
  wish: { profile: null, holds: 'process', onFailure: 'revoke' },
  patience: { kind: 'seconds', seconds: 600 },
  consent: 'ask',
};

type Going = Extract<Step, { kind: 'plan' | 'profile' | 'command' }>;

async function run(context: Context, options: BreakglassOptions & { readonly step: Going }): Promise<number> {
  const { step, format } = options;
  const emergency = await completeEmergency(context, options);
  const { access } = emergency;
  switch (step.kind) {
    case 'plan': {
      const { showPlan } = await import('../access/plan.ts');
      return await showPlan(context, access);
    }
    case 'profile':
      return await obtainProfile(context, access, { ...step, format, agreed: () => agreed(context, emergency, step) });
    case 'command': {
      const { runWithGrant } = await import('../exec/grant.ts');
      await agreed(context, emergency, step);
      return await runWithGrant(context, await obtain(context, access, { ...step, format }), step.argv);
    }
  }
}

/** Off a terminal a whole command line is word enough: nobody types it by accident. */
async function agreed(context: Context, emergency: Emergency, { consent }: Waiting): Promise<void> {
  if (consent === 'given' || !canAsk(context, emergency.access.format)) return;
  const { agree } = await import('../access/emergency-consent.ts');
  await agree(context, emergency);
}

function parseStep(input: Input): Step {
  const { switches, words, values, tail } = input;
  if (switches.has('drill')) return parseDrill(input);
  const waiting = { patience: parsePatience(input), consent: consentOf(input) };
  if (tail !== null) {
    if (tail.length === 0) throw usage('which command?', 'write it behind --, such as: … -- aws s3 ls');
    for (const name of ['plan', 'no-wait', 'write-credentials'].filter((each) => switches.has(each)))
      throw usage(`--${name} has no meaning with a command`);
    if (values.has('profile')) throw usage('--profile has no meaning with a command', 'it finds its access by itself');
    return { kind: 'command', argv: tail, ...waiting };
  }
  if (switches.has('plan')) {
    if (switches.has('no-wait')) throw usage('--plan and --no-wait exclude each other');
    return { kind: 'plan' };
  }
  const silent = words.length === 0 && values.size === 0 && [...switches].every((name) => name === 'json');
  return silent ? { kind: 'look' } : { kind: 'profile', wish: parseWish(input), ...waiting };
}

/** It says itself what it asks for. */
function parseDrill({ switches, words, values, tail }: Input): Step {
  const more = [
    ...[...switches].filter((name) => name !== 'drill' && name !== 'json'),
    ...[...values.keys()].filter((name) => name !== 'target'),
  ].map((name) => `--${name}`);
  const [first] = [...words, ...more, ...(tail === null ? [] : ['a command'])];
  if (first === undefined) return { kind: 'drill' };
  throw usage(`${first} has no meaning with --drill`, 'a drill takes --target and --json alone');
}
