/**
 * What a drill has shown, in words and as `jit.drill/v1`.
 * @module
 */
import type { JitError } from '../../core/errors.ts';
import type { IncidentView } from '../../wire/emergencies.ts';
import { accessWords, targetWords } from '../access/words.ts';
import type { Granted } from '../access/submit.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { brokerFact, type Site } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import { recordedTime } from '../time.ts';
import { between, type Reached, type StepName, STEPS } from './steps.ts';
import type { Reader } from './use.ts';

export interface Outcome {
  readonly drill: IncidentView;
  readonly granted: Granted;
  readonly reached: readonly Reached[];
  /** Null where the credentials were not used. */
  readonly reader: Reader | null;
  /** What did not hold; null where everything did. */
  readonly problem: JitError | null;
}

/** @returns the exit status: 0 only if every step held. */
export async function reportDrill(context: Context, outcome: Outcome, site: Site, format: Format): Promise<number> {
  const { out } = context;
  const { drill, granted, reached, reader, problem } = outcome;
  const exit = problem === null ? 0 : problem.facts.exit;
  if (format === 'json') {
    const asked = reached[0]?.at ?? 0;
    out.document('drill', {
      incident: drill,
      request: granted.request,
      grant: granted.grant.id,
      reader,
      steps: reached.map(({ step, at }) => ({ step, at: new Date(at).toISOString(), afterMs: at - asked })),
      toGrantMs: between(reached, 'asked', 'granted'),
      toFirstUseMs: between(reached, 'granted', 'used'),
      toRefusalMs: between(reached, 'closed', 'refused'),
      toWipeMs: between(reached, 'closed', 'wiped'),
      held: problem === null,
      problem: problem === null ? null : { code: problem.code, message: problem.message },
      broker: site.name,
      exit,
    });
    return exit;
  }
  const missed = STEPS.filter((step) => !reached.some((each) => each.step === step));
  await out.print(
    record(
      [
        fact('drill', drill.reference, 'strong'),
        ...brokerFact(site),
        fact('access', `${accessWords(granted.request)} at ${targetWords(granted.grant.legs)}`),
        ...reached.map((each) => stepFact(each, reached, reader)),
        ...missed.map((step) => fact(TITLES[step], 'did not happen', 'bad')),
        problem === null
          ? fact('result', 'every step held', 'good')
          : fact('result', `it did not hold: ${problem.message}`, 'bad'),
      ],
      out.width,
    ),
  );
  if (problem?.hint !== undefined) await out.hint(problem.hint);
  return exit;
}

const TITLES: Readonly<Record<StepName, string>> = {
  asked: 'asked',
  granted: 'granted',
  used: 'first use',
  closed: 'closed',
  refused: 'access refused',
  wiped: 'profile wiped',
};

function stepFact({ step, at }: Reached, reached: readonly Reached[], reader: Reader | null): Fact {
  const after = (from: StepName): string => `${between(reached, from, step) ?? 0} ms`;
  switch (step) {
    case 'asked':
      return fact(TITLES[step], recordedTime(at, at).replace(/ \(now\)$/, ''));
    case 'granted':
      return fact(TITLES[step], `${after('asked')} after it was asked for, with its profile`);
    case 'used':
      return fact(TITLES[step], `${after('granted')} after that, ${WAYS[reader ?? 'jit']}`);
    case 'closed':
      return fact(TITLES[step], `${after('asked')} after it was asked for`);
    case 'refused':
    case 'wiped':
      return fact(TITLES[step], `${after('closed')} after the close`, 'good');
  }
}

const WAYS: Readonly<Record<Reader, string>> = {
  aws: 'by the aws program, through the profile',
  jit: 'by a call that jit signed, since there is no aws program here',
};
