/**
 * From an ask to a decision: what it means at each target, what the provider makes of it, what policy says.
 * @module
 */
import type { Plan } from '../../core/access.ts';
import { JitError } from '../../core/errors.ts';
import { grantId } from '../../core/ids.ts';
import type { BoundIncident } from '../../core/incident.ts';
import type { Provider, Target } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import { type Ask, parseReason, parseResource, parseTicket, type Permission } from '../../core/request.ts';
import { type Question, reasonLength } from '../../policy/question.ts';
import { combine, type Verdict } from '../../policy/verdict.ts';
import type { RequestBody } from '../../wire/bodies.ts';
import type { StoredRequest } from '../store/store.ts';
import { bindIncident } from './emergency/bind.ts';
import { heldUp } from './emergency/limits.ts';
import { type EmergencyRuling, emergencyRuling } from './emergency/rule.ts';
import type { World } from './world.ts';

/** A request body, checked, before anybody has decided on it. */
export interface Draft {
  readonly asks: readonly Ask[];
  readonly permissions: readonly Permission[];
  readonly seconds: number;
  readonly reason: string;
  readonly ticket: string | null;
  readonly incident: BoundIncident | null;
  readonly questions: readonly Question[];
  readonly verdict: Ruling;
  /** Version of the policy set that said so. */
  readonly policy: string;
  readonly plans: readonly Plan[];
}

/** What policy says of a request, in an emergency or not. */
export type Ruling = Verdict | EmergencyRuling;

export interface Place {
  readonly target: Target;
  readonly provider: Provider;
}

/** Throws `ERR_TARGET` for a name that is not configured. */
export function placeOf(world: Pick<World, 'targets' | 'providers'>, name: string): Place {
  const target = world.targets.get(name);
  const provider = target === undefined ? undefined : world.providers.get(target.provider);
  if (target === undefined || provider === undefined) {
    throw new JitError({ code: 'ERR_TARGET', message: `there is no target ${JSON.stringify(name)} at this broker` });
  }
  return { target, provider };
}

/** Permissions by target, in the order in which targets first appear. */
export function byTarget(permissions: readonly Permission[]): ReadonlyMap<string, readonly Permission[]> {
  return Map.groupBy(permissions, ({ target }) => target);
}

/** Throws the errors of bad input (exit 2). A denial is not an error here: it is in the verdict. */
export async function draft(world: World, principal: Principal, body: RequestBody): Promise<Draft> {
  const reason = parseReason(body.reason);
  const ticket = body.ticket === undefined ? null : parseTicket(body.ticket);
  const asks = body.authorization_details.map(({ operation, resources, target }): Ask => ({
    operation,
    resources: resources.map(parseResource),
    target,
  }));
  const { seconds } = body;
  const incident = body.incident === undefined ? null : await bindIncident(world, principal, body.incident);
  const asked = { asks, seconds, ticket, reason, incident };
  const judged = await judge(world, principal, asked, world.now());
  const held = incident === null || judged.verdict.kind === 'deny' ? null : await heldUp(world, principal, incident);
  if (judged.verdict.kind !== 'deny') demandKnown(world, principal, judged.permissions, seconds);
  const plans = await plansOf(world, judged.permissions, seconds);
  return { ...asked, ...judged, verdict: held ?? judged.verdict, plans };
}

/** No grant has this id. */
const NOBODYS = grantId(new Uint8Array(16));

/** Throws `ERR_TARGET` where a cloud does not know the requester: better now than when others have approved it. */
function demandKnown(world: World, principal: Principal, permissions: readonly Permission[], seconds: number): void {
  const endsAt = world.now() + seconds * 1_000;
  for (const [name, group] of byTarget(permissions)) {
    const { target, provider } = placeOf(world, name);
    provider.intend(target, { grant: NOBODYS, principal, permissions: group, endsAt });
  }
}

/** Exactly what would be issued, target by target. Throws `ERR_PERMISSION_SIZE`. */
export async function plansOf(world: World, permissions: readonly Permission[], seconds: number): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const [name, group] of byTarget(permissions)) {
    const { target, provider } = placeOf(world, name);
    plans.push(await provider.plan(target, group, seconds));
  }
  return plans;
}

export type Asked = Pick<Draft, 'asks' | 'seconds' | 'ticket' | 'reason' | 'incident'>;

/** What the asks come to, and what policy says of it. @param at epoch ms, for the hours of rules. Throws the errors of bad input, `ERR_INCIDENT_SOURCE`. */
export async function judge(
  world: World,
  principal: Principal,
  asked: Asked,
  at: number,
): Promise<Pick<Draft, 'permissions' | 'questions' | 'verdict' | 'policy'>> {
  const { policy } = world;
  const questions = await questionsOf(world, principal, asked, at);
  const verdict =
    asked.incident === null
      ? combine(questions.map((question) => policy.decide(question)))
      : await emergencyRuling(world, principal, questions, asked.incident);
  const permissions = questions.map(({ permission }) => permission);
  return { permissions, questions, verdict, policy: policy.version };
}

/** One question to policy for each permission that the asks come to. Throws the errors of bad input. */
export async function questionsOf(
  world: World,
  principal: Principal,
  { asks, seconds, ticket, reason }: Omit<Asked, 'incident'>,
  at: number,
): Promise<readonly Question[]> {
  const questions: Question[] = [];
  for (const ask of asks) {
    const resolved = world.catalog.resolve(ask);
    for (const permission of resolved.permissions) {
      const { target, provider } = placeOf(world, permission.target);
      const assessed = await provider.assess(target, permission);
      questions.push({
        principal,
        target,
        ...assessed,
        operation: { named: resolved.named, risk: resolved.risk },
        seconds,
        hasTicket: ticket !== null,
        reasonLength: reasonLength(reason),
        now: at,
      });
    }
  }
  return questions;
}

/** None where the request cannot be understood any more, such as after its target was taken out: then nobody may vote. */
export async function understoodQuestions(
  world: World,
  { request }: Pick<StoredRequest, 'request'>,
): Promise<readonly Question[]> {
  try {
    return await questionsOf(world, request.requester, request, world.now());
  } catch (thrown) {
    if (thrown instanceof JitError && !thrown.facts.retryable) return [];
    throw thrown;
  }
}
