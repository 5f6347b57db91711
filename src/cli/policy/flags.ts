/**
 * A question to the policies given by flags.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS } from '../../core/access.ts';
import { type Flag, type Input, single, usage } from '../command.ts';
import { INCIDENT_FLAGS, type IncidentText, readIncidentFlags } from './incident.ts';

const KINDS = ['user', 'workload', 'agent'] as const;
const RISKS = ['low', 'medium', 'high'] as const;

/** The flags, as help and completion know them. */
export const ASK_FLAGS: readonly Flag[] = [
  { name: 'operation', value: 'name', about: "explain: an operation, or a provider's own permission" },
  {
    name: 'permission',
    value: 'name',
    about: "explain: what a named operation needs, in the provider's words",
    repeats: true,
  },
  { name: 'resource', value: 'id', about: 'explain: what for', repeats: true },
  { name: 'access', value: 'level', about: 'explain: how far it reaches', offers: ACCESS_LEVELS },
  { name: 'breadth', value: 'word', about: 'explain: how far its wildcards reach', offers: BREADTHS },
  { name: 'risk', value: 'word', about: 'explain: the risk of the operation', offers: RISKS },
  { name: 'target', value: 'name', about: 'explain: where; of --config or --cases, or any name' },
  { name: 'environment', value: 'word', about: 'explain: of a target that is in no file' },
  { name: 'tag', value: 'word', about: 'explain: a tag of such a target', repeats: true },
  { name: 'who', value: 'name', about: 'explain: somebody of --cases' },
  { name: 'kind', value: 'word', about: 'explain: user, workload or agent', offers: KINDS },
  { name: 'group', value: 'name', about: 'explain: a group of theirs', repeats: true },
  { name: 'for', value: 'duration', about: 'explain: how long (15m where nothing is said)' },
  { name: 'ticket', about: 'explain: with a ticket' },
  { name: 'at', value: 'time', about: 'explain: when, such as 2026-03-30T10:00:00+02:00 (now where nothing is said)' },
  ...INCIDENT_FLAGS,
];

/** What was given; null and empty where it was not. */
export interface AskFlags {
  readonly operation: string;
  readonly permissions: readonly string[];
  readonly resources: readonly string[];
  readonly access: (typeof ACCESS_LEVELS)[number] | null;
  readonly breadth: (typeof BREADTHS)[number] | null;
  readonly risk: (typeof RISKS)[number] | null;
  readonly target: string | null;
  readonly environment: string | null;
  readonly tags: readonly string[];
  readonly who: string | null;
  readonly kind: (typeof KINDS)[number];
  readonly groups: readonly string[];
  readonly duration: string | null;
  readonly ticket: boolean;
  readonly at: string | null;
  /** Null where it is no emergency. */
  readonly incident: IncidentText | null;
}

/** Throws `ERR_USAGE`. */
export function readAskFlags(input: Input): AskFlags {
  const operation = single(input, 'operation');
  if (operation === null)
    throw usage('what to explain is missing', 'add: --operation s3:GetObject, or --cases FILE --case NAME');
  const target = single(input, 'target');
  const environment = single(input, 'environment');
  if (target === null && environment === null)
    throw usage('where is missing', 'add: --target NAME or --environment prod');
  const who = single(input, 'who');
  const kind = single(input, 'kind');
  const groups = input.values.get('group') ?? [];
  if (who !== null && (kind !== null || groups.length > 0)) {
    throw usage('--who says everything about somebody', 'leave --kind and --group out');
  }
  const word = <T extends string>(name: string, known: readonly T[]): T | null => {
    const value = single(input, name);
    const found = known.find((each) => each === value) ?? null;
    if (value !== null && found === null) throw usage(`--${name} is one of ${known.join(', ')}`);
    return found;
  };
  return {
    operation,
    permissions: input.values.get('permission') ?? [],
    resources: input.values.get('resource') ?? [],
    access: word('access', ACCESS_LEVELS),
    breadth: word('breadth', BREADTHS),
    risk: word('risk', RISKS),
    target,
    environment,
    tags: input.values.get('tag') ?? [],
    who,
    kind: word('kind', KINDS) ?? 'user',
    groups,
    duration: single(input, 'for'),
    ticket: input.switches.has('ticket'),
    at: single(input, 'at'),
    incident: readIncidentFlags(input),
  };
}
