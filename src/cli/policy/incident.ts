/**
 * The incident of a case or of flags: what people write of it, and what rules see then.
 * @module
 */
import * as z from 'zod';
import { type IncidentFacts, UNKNOWN_SEVERITY } from '../../policy/question.ts';
import { type Flag, type Input, single, usage } from '../command.ts';

const name = z.string().min(1).max(2_048);

/** The block `incident:` of a case. What is left out is not known, or not so. */
export const incidentSchema = z.strictObject({
  source: name.default('pagerduty'),
  open: z.boolean().default(true),
  severity: z.int().min(1).max(5).optional(),
  services: z.array(name).max(100).default([]),
  responder: z.boolean().default(false),
  commander: z.boolean().default(false),
  on_call_tier: z.int().min(0).max(100).default(0),
  reachable: z.boolean().default(true),
  drill: z.boolean().default(false),
});

export type IncidentText = Readonly<z.infer<typeof incidentSchema>>;

/** Who leads an incident works on it. */
export function factsOf({ on_call_tier: onCallTier, reachable, severity, ...rest }: IncidentText): IncidentFacts {
  return {
    ...rest,
    severity: severity ?? UNKNOWN_SEVERITY,
    responder: rest.responder || rest.commander,
    onCallTier,
    verified: reachable,
  };
}

/** The flags, as help and completion know them. */
export const INCIDENT_FLAGS: readonly Flag[] = [
  { name: 'break-glass', about: 'explain: in an emergency, with an open incident' },
  { name: 'severity', value: '1-5', about: 'explain: how severe it is (not known where nothing is said)' },
  { name: 'service', value: 'name', about: 'explain: a service that it concerns', repeats: true },
  { name: 'source', value: 'name', about: 'explain: where it is kept (pagerduty where nothing is said)' },
  { name: 'responder', about: 'explain: they work on it' },
  { name: 'commander', about: 'explain: they lead it' },
  { name: 'on-call', value: 'tier', about: 'explain: they are on call for it; 1 is called first' },
  { name: 'source-down', about: 'explain: its source cannot be reached' },
  { name: 'drill', about: 'explain: it is an exercise' },
];

/** @returns null without `--break-glass`. Throws `ERR_USAGE`. */
export function readIncidentFlags(input: Input): IncidentText | null {
  const { switches, values } = input;
  if (!switches.has('break-glass')) {
    const stray = INCIDENT_FLAGS.find(({ name: flag }) => switches.has(flag) || values.has(flag));
    if (stray !== undefined) throw usage(`--${stray.name} is about an incident`, 'add: --break-glass');
    return null;
  }
  const whole = (flag: string, most: number): number | undefined => {
    const value = single(input, flag);
    if (value === null) return undefined;
    const number = /^[1-9]\d?$/.test(value) ? Number(value) : 0;
    if (number < 1 || number > most) throw usage(`--${flag} is a whole number from 1 to ${most}`);
    return number;
  };
  return {
    source: single(input, 'source') ?? 'pagerduty',
    open: true,
    severity: whole('severity', 5),
    services: [...(values.get('service') ?? [])],
    responder: switches.has('responder'),
    commander: switches.has('commander'),
    on_call_tier: whole('on-call', 99) ?? 0,
    reachable: !switches.has('source-down'),
    drill: switches.has('drill'),
  };
}
