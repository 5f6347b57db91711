/**
 * The incidents that rules can tell apart, for comparing two sets of policies.
 * @module
 */
import { namedTexts } from '../expression.ts';
import { type IncidentFacts, UNKNOWN_SEVERITY } from '../question.ts';
import type { Policy } from '../read.ts';

/** An incident, and words for it: `in an incident of severity 3`. */
export interface Case {
  readonly words: string;
  readonly facts: IncidentFacts;
}

/** Stands for all that no policy names. */
const ELSE = 'other';

/**
 * What a policy on `BreakGlass` is asked about: the incident that most rules would like, led by whoever asks, and that one with one
 * thing otherwise.
 */
export function incidentsFor(policy: Policy): Case[] {
  const services = namedTexts([policy], 'context.incident.services');
  const sources = [...namedTexts([policy], 'context.incident.source'), ELSE];
  const nobody = { responder: false, commander: false, onCallTier: 0 };
  const best: IncidentFacts = {
    source: sources[0] ?? ELSE,
    open: true,
    severity: 1,
    services,
    responder: true,
    commander: true,
    onCallTier: 1,
    verified: true,
    drill: false,
  };
  const otherwise = (words: string, facts: Partial<IncidentFacts>): Case => ({
    words: `in an incident ${words}`,
    facts: { ...best, ...facts },
  });
  return [
    { words: 'in an incident', facts: best },
    ...[2, 3, 4, 5].map((severity) => otherwise(`of severity ${severity}`, { severity })),
    otherwise('of unknown severity', { severity: UNKNOWN_SEVERITY }),
    otherwise('of others', nobody),
    otherwise('as responder', { ...nobody, responder: true }),
    ...[1, 2].map((onCallTier) => otherwise(`on call in tier ${onCallTier}`, { ...nobody, onCallTier })),
    ...(services.length === 0 ? [] : [otherwise('of another service', { services: [ELSE] })]),
    ...sources.slice(1).map((source) => otherwise(`kept in ${source}`, { source })),
    otherwise('that is a drill', { drill: true }),
    otherwise('whose source is silent', { verified: false }),
  ];
}
