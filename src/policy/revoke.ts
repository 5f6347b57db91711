/**
 * Who may end what others hold.
 * @module
 */
import type { Principal } from '../core/principal.ts';
import { revokeCall } from './call.ts';
import { namelessness } from './decide.ts';
import type { Matcher } from './match.ts';
import type { RevokeQuestion } from './question.ts';

/** @param revocations the policies on action `Revoke`. */
export function makeRevoker(revocations: Matcher): (caller: Principal, question: RevokeQuestion) => boolean {
  return (caller, question) => {
    const { holder, target, now } = question;
    // No rule for agents can give one more than the person has for whom it acts.
    const callers = withPerson(caller);
    if (namelessness([...callers, ...withPerson(holder)]) !== null || !target.name.isWellFormed()) return false;
    return callers.every((who) => {
      const call = revokeCall(who, question, revocations.groups);
      return revocations.match(call, now, ([first]) => first).kind === 'permitted';
    });
  };
}

function withPerson(who: Principal): readonly Principal[] {
  return who.actsFor === undefined ? [who] : [who, who.actsFor];
}
