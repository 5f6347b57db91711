/**
 * What `jit policy` does, verb by verb.
 * @module
 */
import { dirname } from 'node:path';
import { display } from '../../core/display.ts';
import { ERRORS, JitError } from '../../core/errors.ts';
import { loadPolicies, type PolicySet } from '../../policy/load.ts';
import { starterPolicy } from '../../policy/starter.ts';
import type { PolicyOptions } from '../commands/policy.ts';
import type { Context } from '../context.ts';
import { readCases, type PolicyCase } from './cases.ts';
import { runCheck } from './check.ts';
import { runDiff } from './diff.ts';
import { explainRequest } from './explain-request.ts';
import { runExplain } from './explain.ts';
import { readPolicyFiles, readText } from './files.ts';
import { type Offered, parseOffered } from './shape.ts';
import { runTest } from './test.ts';

/** @returns the exit status. */
export async function runPolicy(context: Context, options: PolicyOptions): Promise<number> {
  try {
    return await run(context, options);
  } catch (thrown) {
    // Problems come many at once, a line each, and a message is shown as one line.
    if (!(thrown instanceof JitError) || options.format === 'json' || !thrown.message.includes('\n')) throw thrown;
    for (const line of thrown.message.split('\n')) await context.out.note(display(line.trim(), 500));
    return ERRORS[thrown.code].exit;
  }
}

async function run(context: Context, options: PolicyOptions): Promise<number> {
  const offered = options.config === null ? null : await readOffered(options.config);
  switch (options.verb) {
    case 'check':
      return await runCheck(context, options, await sourcesOf(context, options.policies), offered);
    case 'test': {
      const cases = await casesOf(options.cases, offered);
      return await runTest(context, options, await loadFrom(options.policies ?? dirname(options.cases)), cases);
    }
    case 'explain': {
      const set = await loadPolicies({ sources: await sourcesOf(context, options.policies) });
      return await runExplain(context, options, set, offered);
    }
    case 'explain-request':
      return await explainRequest(context, options);
    case 'diff': {
      const [before, after] = [await loadFrom(options.before), await loadFrom(options.after)];
      const cases = options.cases === null ? [] : await casesOf(options.cases, offered);
      return await runDiff(context, options.format, { before, after, cases, offered });
    }
  }
}

async function readOffered(path: string): Promise<Offered> {
  return parseOffered(await readText(path), path);
}

async function casesOf(path: string, offered: Offered | null): Promise<PolicyCase[]> {
  return readCases(await readText(path), path, offered ?? undefined);
}

async function loadFrom(path: string): Promise<PolicySet> {
  return await loadPolicies({ sources: await readPolicyFiles(path) });
}

/** Without a path: those of the embedded broker. */
async function sourcesOf(context: Context, path: string | null): ReturnType<typeof readPolicyFiles> {
  if (path !== null) return await readPolicyFiles(path);
  const own = await readPolicyFiles(context.paths().policies).catch(() => null);
  return own ?? [await starterPolicy()];
}
