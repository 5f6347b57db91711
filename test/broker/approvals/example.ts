/**
 * Acme, the worked example of policies, as a broker: its files, its targets and operations, its people, permissions read as AWS
 * defines them, and a cloud that only issues what it is told to.
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { type PolicyCase, readCases } from '../../../src/cli/policy/cases.ts';
import { parseOffered } from '../../../src/cli/policy/shape.ts';
import type { Provider } from '../../../src/core/ports.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { type Offer, type Setting, startBroker, type TestBroker } from '../service/world.ts';

const FOLDER = new URL('../../../src/policy/example/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

export const CONFIG = read('broker.yaml');
export const POLICIES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.cedar'))
  .map((name) => ({ name, text: read(name) }));
export const CASES: readonly PolicyCase[] = readCases(read('cases.yaml'), 'cases.yaml', parseOffered(CONFIG, 'config'));

/** The people of the file of cases, by the names that it gives them. */
const PEOPLE: ReadonlyMap<string, Principal> = new Map(
  CASES.flatMap(({ question, expected }) => [
    question.principal,
    ...expected.mayApprove,
    ...expected.mayNotApprove,
    ...expected.mayRevoke,
    ...expected.mayNotRevoke,
  ]).map((each) => [each.name, each]),
);

export function person(name: string): Principal {
  const found = PEOPLE.get(name);
  if (found === undefined) throw new Error(`nobody at Acme is ${name}`);
  return found;
}

/** Acme's targets, and how what is asked for there is read. */
export function placesOf(now: () => number): Pick<Offer, 'targets' | 'reader'> {
  const aws = awsProvider({ now, signer: null });
  const { targets } = parseBrokerConfig(CONFIG, 'broker.yaml');
  const places = new Map(
    [...targets].map(([name, { environment, tags, provider }]) => {
      const role = 'arn:aws:iam::111122223333:role/jit-acme';
      const about = { provider, environment, role, region: 'eu-central-1', credentials: 'ambient' };
      return [name, { ...aws.parseTarget(name, about), tags }] as const;
    }),
  );
  // Safe: every target here is one that this provider has parsed.
  const { assess, plan } = aws as unknown as Pick<Provider, 'assess' | 'plan'>;
  return { targets: places, reader: { assess, plan } };
}

/** A broker of Acme's at that moment. */
export async function openAcme(t: TestContext, at: string | number, more: Setting = {}): Promise<TestBroker> {
  const started: { now: () => number } = { now: Date.now };
  const acme = await startBroker({
    policy: POLICIES,
    offer: { config: CONFIG, ...placesOf(() => started.now()) },
    startAt: typeof at === 'number' ? at : Date.parse(at),
    ...more,
  });
  started.now = acme.world.now;
  t.after(async () => acme.stop());
  return acme;
}

export interface Wish {
  readonly target: string;
  readonly operation: string;
  readonly resource?: string;
  readonly seconds?: number;
  readonly reason?: string;
  readonly ticket?: string;
}

export function wish({ target, operation, resource, seconds = 900, reason, ticket }: Wish): RequestBody {
  return {
    authorization_details: [
      { type: 'jit_access', operation, resources: resource === undefined ? [] : [resource], target },
    ],
    seconds,
    reason: reason ?? 'a reason of usual length, for a test',
    ...(ticket === undefined ? {} : { ticket }),
  };
}

/** What a case asks, as it would come from a command line. */
export function wishOf({ question }: PolicyCase): RequestBody {
  const { permission, operation, seconds, hasTicket, reasonLength, target } = question;
  return {
    authorization_details: [
      {
        type: 'jit_access',
        operation: permission.operation,
        // An operation of the catalogue brings its own.
        resources: operation.named ? [] : [...permission.resources],
        target: target.name,
      },
    ],
    seconds,
    reason: 'r'.repeat(reasonLength),
    ...(hasTicket ? { ticket: 'OPS-7' } : {}),
  };
}
