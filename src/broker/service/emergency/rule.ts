/**
 * What policy says of an emergency request, with its incident as its source has it at this moment.
 * @module
 */
import { display } from '../../../core/display.ts';
import { JitError } from '../../../core/errors.ts';
import { type BoundIncident, DRILLS, type Incident, type Standing } from '../../../core/incident.ts';
import type { Principal } from '../../../core/principal.ts';
import type { Quorum } from '../../../core/request.ts';
import {
  type EmergencyQuestion,
  type IncidentFacts,
  type Question,
  UNKNOWN_SEVERITY,
} from '../../../policy/question.ts';
import { combineEmergencies } from '../../../policy/emergency/choose.ts';
import { deny, type Denial, type EmergencyPermit } from '../../../policy/verdict.ts';
import type { World } from '../world.ts';

/** As a permit on a request is, so that all that comes after is the same for both. */
export interface EmergencyRuling extends EmergencyPermit {
  readonly hint: null;
  /** Who has to confirm it because its incident cannot be verified; else empty. */
  readonly quorum: readonly Quorum[];
}

/** A moment, so that the several questions of one decision are one question to the source. */
const MOMENT_MS = 5_000;

type Sight =
  | { readonly kind: 'seen'; readonly incident: Incident }
  | { readonly kind: 'gone' }
  /** The source gives no answer, and has called to say that it is over. */
  | { readonly kind: 'said to be closed' }
  /** Nobody has been able to ask about it, ever. */
  | { readonly kind: 'unverified' };

/** Throws `ERR_INCIDENT_SOURCE` where the source has not answered for longer than its last answer counts. */
export async function emergencyRuling(
  world: World,
  principal: Principal,
  questions: readonly Question[],
  bound: BoundIncident,
): Promise<EmergencyRuling | Denial> {
  const sight = await sightOf(world, bound);
  switch (sight.kind) {
    case 'gone':
      return deny(`${bound.reference} does not exist any more`);
    case 'said to be closed':
      throw unanswered(bound);
    case 'unverified':
      return unverified(world, questions, bound);
    case 'seen': {
      const { incident } = sight;
      if (incident.state === 'closed')
        return deny(`${incident.reference} is closed`, [], 'name an incident that is open');
      const over = partOver(world, principal, questions, { bound, incident });
      if (over !== null) return deny(over);
      const now = world.incidents.standing(incident, principal);
      const verdict = ruled(world, questions, factsOf(incident, eitherOf(bound.standing, now)));
      return verdict.kind === 'permit' ? verdict : { ...verdict, hint: withHelp(verdict.hint, incident) };
    }
  }
}

const MOST_NAMED = 3;

/** Whom to ask instead, as the incident's source has it. */
function withHelp(hint: string | null, { commanders, onCall }: Incident): string | null {
  const called = onCall.toSorted((a, b) => a.tier - b.tier).map(({ name }) => name);
  const names = [...new Set([...commanders.map(({ name }) => name), ...called])].slice(0, MOST_NAMED);
  const help = names.length === 0 ? null : `who can help: ${names.map((name) => display(name, 100)).join(', ')}`;
  return [hint, help].filter((each) => each !== null).join('; ') || null;
}

/**
 * Why somebody's part in the incident is over where the rule says that their access ends with it, or null.
 * @param incident as its source has it now.
 */
export function partOver(
  world: World,
  principal: Principal,
  questions: readonly Question[],
  { bound, incident }: { readonly bound: BoundIncident; readonly incident: Incident },
): string | null {
  const now = world.incidents.standing(incident, principal);
  const verdict = ruled(world, questions, factsOf(incident, eitherOf(bound.standing, now)));
  if (verdict.kind === 'deny' || verdict.handover === 'stays') return null;
  const today = ruled(world, questions, factsOf(incident, now));
  return today.kind === 'deny' ? `your part in ${incident.reference} is over: ${today.why}` : null;
}

/** Whether nothing can be given for it any more, as far as its source says. Never rejects. */
export async function isClosed(world: World, bound: BoundIncident): Promise<boolean> {
  const sight = await sightOf(world, bound).catch(() => null);
  if (sight?.kind === 'seen') return sight.incident.state === 'closed';
  return sight?.kind === 'gone' || sight?.kind === 'said to be closed';
}

/** The questions with the incident as rules see it now; none where it does not exist any more. Throws as `emergencyRuling`. */
export async function emergencyQuestions(
  world: World,
  principal: Principal,
  questions: readonly Question[],
  bound: BoundIncident,
): Promise<readonly EmergencyQuestion[]> {
  const sight = await sightOf(world, bound);
  if (sight.kind === 'gone') return [];
  if (sight.kind === 'said to be closed') throw unanswered(bound);
  const incident =
    sight.kind === 'unverified'
      ? unverifiedFacts(bound)
      : factsOf(sight.incident, eitherOf(bound.standing, world.incidents.standing(sight.incident, principal)));
  return questions.map((question) => ({ ...question, incident }));
}

/** What is to be believed of the incident. */
async function sightOf(world: World, bound: BoundIncident): Promise<Sight> {
  const { source, id, reference } = bound;
  if (id === null) {
    const found = await world.incidents.find(`${source}/${reference}`);
    if (found.kind === 'found') return sightOf(world, { ...found.ref, reference, standing: NOBODY });
    return { kind: found.kind === 'silent' ? 'unverified' : 'gone' };
  }
  const seen = await world.incidents.see({ source, id }, MOMENT_MS);
  if (seen.kind === 'none') return { kind: 'gone' };
  if (seen.kind === 'seen') return seen;
  const { last } = seen;
  if (last?.saidClosed === true) return { kind: 'said to be closed' };
  if (last !== null && world.now() - last.at <= world.emergencies.staleMs)
    return { kind: 'seen', incident: last.incident };
  throw unanswered(bound);
}

function unanswered({ source, reference }: BoundIncident): JitError {
  return new JitError({
    code: 'ERR_INCIDENT_SOURCE',
    message: `${source} gives no answer, so nothing more is issued for ${reference}`,
    hint: 'what is out goes on until its end; try again in a moment',
  });
}

const NOBODY: Standing = { responder: false, commander: false, onCallTier: 0 };

function unverified(world: World, questions: readonly Question[], bound: BoundIncident): EmergencyRuling | Denial {
  const { source, reference } = bound;
  const verdict = ruled(world, questions, unverifiedFacts(bound));
  return verdict.kind === 'permit'
    ? verdict
    : { ...verdict, why: `${source} gives no answer about ${reference}: ${verdict.why}` };
}

function unverifiedFacts({ source, standing }: BoundIncident): IncidentFacts {
  const drill = source === DRILLS;
  return { source, open: false, severity: UNKNOWN_SEVERITY, services: [], ...standing, verified: false, drill };
}

function ruled(world: World, questions: readonly Question[], incident: IncidentFacts): EmergencyRuling | Denial {
  // An exercise reaches nothing that is real, whatever rules say.
  if (incident.drill && questions.some(({ target }) => !target.sandbox))
    return deny('a drill is for the sandbox alone');
  const { policy } = world;
  const verdict = combineEmergencies(
    questions.map((question) => policy.emergency({ ...question, incident })),
    incident,
  );
  if (verdict.kind === 'deny') return verdict;
  const { sealed } = verdict;
  const quorum = incident.verified || sealed === null ? [] : [{ group: sealed.group, approvers: sealed.approvers }];
  // Whatever the rules are: what cannot be verified is confirmed by people, or it is not given.
  if (!incident.verified && quorum.length === 0) return deny('no policy permits break-glass without its source');
  return { ...verdict, quorum, hint: null };
}

/** What counts for who took part when access was asked for, and perhaps does no more. */
function eitherOf(then: Standing, now: Standing): Standing {
  const tiers = [then.onCallTier, now.onCallTier].filter((tier) => tier > 0);
  return {
    responder: then.responder || now.responder,
    commander: then.commander || now.commander,
    onCallTier: tiers.length === 0 ? 0 : Math.min(...tiers),
  };
}

function factsOf({ source, state, severity, services }: Incident, standing: Standing): IncidentFacts {
  const open = state === 'open';
  const drill = source === DRILLS;
  return { source, open, severity: severity ?? UNKNOWN_SEVERITY, services, ...standing, verified: true, drill };
}
