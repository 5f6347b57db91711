/**
 * `jit policy check`: what is wrong with policies, and what is doubtful about them.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { type Finding, findingsIn } from '../../policy/lint/findings.ts';
import { strangersIn } from '../../policy/lint/strangers.ts';
import { loadPolicies, type PolicySet } from '../../policy/load.ts';
import type { PolicySource } from '../../policy/read.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { type Line, toned } from '../text.ts';
import type { Offered } from './shape.ts';

/** @returns 0, or 1 with errors, or with warnings where these are fatal. */
export async function runCheck(
  { out }: Context,
  { format, warnings }: { readonly format: Format; readonly warnings: 'shown' | 'fatal' },
  sources: readonly PolicySource[],
  offered: Offered | null,
): Promise<number> {
  const loaded = await attempt(sources);
  const errors = loaded instanceof JitError ? problemsOf(loaded) : [];
  const found = loaded instanceof JitError ? [] : allFindings(loaded, offered);
  const status = errors.length > 0 || (warnings === 'fatal' && found.length > 0) ? 1 : 0;
  if (format === 'json') {
    out.document('policy-check', {
      ok: status === 0,
      policy: loaded instanceof JitError ? null : loaded.version,
      policies: loaded instanceof JitError ? null : loaded.policies().length,
      errors,
      warnings: found,
    });
    return status;
  }
  await out.print([
    ...errors.map((error): Line => [toned('bad', 'error  '), ` ${display(error, 500)}`]),
    ...found.map(({ source, line, policyId, rule, message }): Line => [
      toned('warn', 'warning'),
      ` ${display(source, 200)}:${line} policy ${display(policyId, 200)}: ${display(message, 300)} `,
      toned('dim', `[${rule}]`),
    ]),
    loaded instanceof JitError
      ? `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}: the set cannot be used`
      : `${loaded.policies().length} policies, ${found.length} ${found.length === 1 ? 'warning' : 'warnings'}`,
  ]);
  return status;
}

function allFindings(set: PolicySet, offered: Offered | null): Finding[] {
  const strange = offered === null ? [] : strangersIn(set.policies(), offered);
  return [...findingsIn(set.policies()), ...strange].toSorted(
    (a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : 0) || a.line - b.line,
  );
}

async function attempt(sources: readonly PolicySource[]): Promise<PolicySet | JitError> {
  try {
    return await loadPolicies({ sources });
  } catch (thrown) {
    if (thrown instanceof JitError && thrown.code === 'ERR_CONFIG') return thrown;
    throw thrown;
  }
}

/** The loader puts each problem on a line of its own, below a heading. */
function problemsOf({ message }: JitError): string[] {
  const [, ...problems] = message.split('\n').map((line) => line.trim());
  return problems.length === 0 ? [message] : problems;
}
