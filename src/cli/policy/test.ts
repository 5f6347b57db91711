/**
 * `jit policy test`: every case held to the policies.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { type Line, toned } from '../text.ts';
import type { PolicyCase } from './cases.ts';
import { decisionOf, hintOf, type Trial, tryCase } from './trial.ts';

/** @returns 0 where every case came out as it says, else 1. */
export async function runTest(
  { out }: Context,
  { cases: file, format }: { readonly cases: string; readonly format: Format },
  set: PolicySet,
  cases: readonly PolicyCase[],
): Promise<number> {
  if (cases.length === 0) throw new JitError({ code: 'ERR_CONFIG', message: `${display(file, 200)} holds no case` });
  const trials = cases.map((each) => tryCase(set, each));
  const failed = trials.filter(({ differences }) => differences.length > 0);
  if (format === 'json') {
    out.document('policy-test', {
      policy: set.version,
      passed: trials.length - failed.length,
      failed: failed.length,
      cases: trials.map(({ case: { name, line }, verdict, differences }) => ({
        name,
        line,
        ok: differences.length === 0,
        decision: decisionOf(verdict),
        why: verdict.why,
        differences,
      })),
    });
  } else {
    await out.print(trials.flatMap((trial) => linesFor(trial, file)));
    await out.print(['', `${trials.length - failed.length} passed, ${failed.length} failed`]);
  }
  return failed.length === 0 ? 0 : 1;
}

function linesFor({ case: { name, line }, verdict, differences }: Trial, file: string): Line[] {
  const hint = hintOf(verdict);
  if (differences.length === 0) return [[toned('good', 'ok   '), ` ${display(name, 200)}`]];
  return [
    [toned('bad', 'wrong'), ` ${display(name, 200)} (${display(file, 200)}:${line})`],
    ...differences.flatMap(({ field, expected, actual }): Line[] => [
      `        ${display(field, 80)}`,
      [toned('good', `          expected  ${display(expected, 200)}`)],
      [toned('bad', `          actual    ${display(actual, 200)}`)],
    ]),
    `        ${display(verdict.why, 300)}${hint === null ? '' : ` (${display(hint, 200)})`}`,
  ];
}
