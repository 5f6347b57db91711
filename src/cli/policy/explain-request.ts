/**
 * `jit policy explain req_…`: why the broker in use decided as it did, and what would be decided now.
 * @module
 */
import { isGrantId } from '../../core/ids.ts';
import type { ExplanationView } from '../../wire/views.ts';
import type { PolicyOptions } from '../commands/policy.ts';
import type { Context } from '../context.ts';
import { lookUp } from '../ids.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import type { Line } from '../text.ts';
import { reportLines } from './reports.ts';

/** Of a version, as people compare it: the whole is in the document. */
const VERSION_LENGTH = 12;

type Options = Extract<PolicyOptions, { readonly verb: 'explain-request' }>;

/** Prints `jit.request-explanation/v1`, or the same for people. Throws `ERR_NOT_FOUND`. */
export async function explainRequest(context: Context, { id, format }: Options): Promise<number> {
  const broker = await context.broker();
  const request = isGrantId(id) ? (await lookUp(broker, id)).request.id : id;
  const view = await broker.client.explanation(request);
  const site = await siteOf(context);
  const { out } = context;
  if (format === 'json') out.document('request-explanation', { ...view, broker: site.name });
  else await out.print(linesFor(view, site, out.width));
  return 0;
}

function linesFor(view: ExplanationView, site: Site, width: number): Line[] {
  const { request, decided, policy, now, note, questions } = view;
  const version = (whole: string): string => whole.slice(0, VERSION_LENGTH);
  return [
    ...record(
      [
        fact('request', request, 'strong'),
        ...brokerFact(site),
        fact('decided', decisionWords(decided), toneOf(decided)),
        ...ruleFact(decided.policies ?? []),
        fact(
          'policies',
          decided.policy === policy
            ? `${version(policy)}, still the present ones`
            : `${version(decided.policy)} then, ${version(policy)} now`,
        ),
        ...(now === null
          ? []
          : [
              fact('asked now', decisionWords(now), toneOf(now)),
              ...ruleFact(now.decidedBy),
              ...(now.hint === null ? [] : [fact('or', now.hint)]),
            ]),
        ...(note === null ? [] : [fact('but', note, 'warn')]),
      ],
      width,
    ),
    ...questions.flatMap((question) => [
      '',
      ...record([fact('target', question.target), ...factsOf(question, now?.why ?? null)], width),
      ...rulesOf(question, width),
      ...(question.person === null
        ? []
        : [
            '',
            'and for the person it acts for:',
            ...record(factsOf(question.person, null), width),
            ...rulesOf(question.person, width),
          ]),
    ]),
  ];
}

type Judgement = NonNullable<ExplanationView['questions'][number]['person']>;

/** @param said what has been said already. */
function factsOf({ decision, tier, why, hint, permission, resource }: Judgement, said: string | null): Fact[] {
  return [
    fact('permission', permission),
    fact('resource', resource),
    fact('decision', tier ?? 'denied', decision === 'permit' ? 'good' : 'bad'),
    ...(why === said ? [] : [fact('why', why), ...(hint === null ? [] : [fact('or', hint)])]),
  ];
}

function rulesOf({ policies }: Judgement, width: number): Line[] {
  if (policies !== null) return reportLines(policies, width);
  return ['', 'too many rules to look at one by one here; with their files: jit policy explain FOLDER'];
}

function decisionWords({ state, tier, why }: NonNullable<ExplanationView['now']> | ExplanationView['decided']): string {
  return `${state}${tier === null ? '' : `, ${tier}`}: ${why}`;
}

function toneOf({ state }: Pick<ExplanationView['decided'], 'state'>): Fact['tone'] {
  if (state === 'approved') return 'good';
  return state === 'pending' ? 'warn' : 'bad';
}

function ruleFact(ids: readonly string[]): readonly Fact[] {
  return ids.length === 0 ? [] : [fact(ids.length === 1 ? 'by rule' : 'by rules', ids.join(', '))];
}
