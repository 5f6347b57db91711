/**
 * The Cedar engine, and the few of its compiled policy sets that are kept.
 * @module
 */
import type * as cedarModule from '@cedar-policy/cedar-wasm/nodejs';
import { readFile } from 'node:fs/promises';
import { JitError } from '../core/errors.ts';
import { makeAnswers } from './answers.ts';

export type Cedar = typeof cedarModule;

/** The engine keeps what it compiled for ever under a name, so names are reused: the least recently used goes first. */
const free = Array.from({ length: 2_048 }, (_, position) => `jit-${position}`);
const held = new Map<string, string>();
const answers = makeAnswers<Outcome>(1_024);
const SCHEMA_NAME = 'jit';

export interface Engine {
  readonly cedar: Cedar;
  readonly schema: string;
}

let engine: Promise<Engine> | undefined;

/** Loads the engine and the schema on first use: it is 4 MB that most commands never need. */
export function loadEngine(): Promise<Engine> {
  engine ??= startEngine();
  return engine;
}

async function startEngine(): Promise<Engine> {
  const [cedar, schema] = await Promise.all([
    import('@cedar-policy/cedar-wasm/nodejs'),
    readFile(new URL('schema.cedarschema', import.meta.url), 'utf8'),
  ]);
  const parsed = cedar.preparseSchema(SCHEMA_NAME, schema);
  if (parsed.type === 'failure') {
    const why = parsed.errors.map((error) => error.message).join('; ');
    throw new JitError({ code: 'ERR_CONFIG', message: `the policy schema does not parse: ${why}` });
  }
  return { cedar, schema };
}

/** A call to `evaluate`: entities are structured ids, so no name from outside is ever parsed as Cedar text. */
export type Call = Pick<
  Parameters<Cedar['statefulIsAuthorized']>[0],
  'principal' | 'action' | 'resource' | 'context' | 'entities'
>;

export type Outcome =
  /** Policies that are satisfied: forbids if there are any, otherwise permits. */
  | { readonly kind: 'answer'; readonly allowed: boolean; readonly satisfied: readonly string[] }
  /** Nothing may be concluded: a policy failed, the request does not fit the schema, or the engine broke. */
  | { readonly kind: 'broken'; readonly policyIds: readonly string[] };

/**
 * Evaluates the policies against a call, checked by the schema. Cedar itself skips a policy that fails, a forbid too,
 * so any failure makes the whole outcome `broken`.
 * @param key names exactly these policies; equal keys must mean equal policies.
 */
export function evaluate(
  cedar: Cedar,
  key: string,
  policies: () => Readonly<Record<string, string | cedarModule.PolicyJson>>,
  call: Call,
): Outcome {
  // The engine itself is handed a call as JSON, and it has neither a clock nor a memory: the same text, the same answer.
  const { principal, resource, context } = call;
  const named = typeof context['resource'] === 'string' ? context['resource'] : '';
  return answers.of(
    {
      hint: `${key} ${idOf(principal)} ${idOf(resource)} ${named}`,
      text: () => JSON.stringify([key, call]),
    },
    () => evaluateAnew(cedar, key, policies, call),
    // Why it broke may pass, such as a lack of memory.
    ({ kind }) => kind === 'answer',
  );
}

const idOf = (entity: Call['principal']): string => ('id' in entity ? entity.id : entity.__entity.id);

function evaluateAnew(...[cedar, key, policies, call]: Parameters<typeof evaluate>): Outcome {
  try {
    const answer = cedar.statefulIsAuthorized({
      ...call,
      preparsedSchemaName: SCHEMA_NAME,
      validateRequest: true,
      preparsedPolicySetId: compiled(cedar, key, policies),
    });
    if (answer.type === 'failure') return { kind: 'broken', policyIds: [] };
    const { decision, diagnostics } = answer.response;
    if (diagnostics.errors.length > 0) {
      return { kind: 'broken', policyIds: diagnostics.errors.map((error) => error.policyId).toSorted() };
    }
    return { kind: 'answer', allowed: decision === 'allow', satisfied: diagnostics.reason.toSorted() };
  } catch {
    // A trap inside WebAssembly says nothing about the request: the caller denies.
    return { kind: 'broken', policyIds: [] };
  }
}

/** @returns the name under which the engine holds these policies. */
function compiled(cedar: Cedar, key: string, policies: Parameters<typeof evaluate>[2]): string {
  const name = held.get(key) ?? takeName();
  // Out of the map while it is compiled: if that fails, nobody may find other policies under this key.
  if (!held.delete(key)) {
    const parsed = cedar.preparsePolicySet(name, { staticPolicies: { ...policies() } });
    if (parsed.type === 'failure') {
      free.push(name);
      throw new JitError({ code: 'ERR_CONFIG', message: 'the engine refused policies that it had accepted' });
    }
  }
  held.set(key, name);
  return name;
}

/** A name that holds nothing of use any more. */
function takeName(): string {
  const [oldest] = held;
  const name = free.pop() ?? oldest?.[1] ?? 'jit';
  if (name === oldest?.[1]) held.delete(oldest[0]);
  return name;
}
