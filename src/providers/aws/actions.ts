/**
 * Operations as people type them, turned into actions that AWS has.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';
import type { ActionFacts, FactBook, ServiceFacts } from './service-facts.ts';

/** An action with the service that it belongs to. */
export interface KnownAction {
  readonly facts: ActionFacts;
  readonly service: ServiceFacts;
}

/**
 * Actions whose result is a credential of its own, which AWS would honour after the grant's end and without its session
 * policy. No narrowing helps against that, so they are not handed out.
 */
const OUTLIVES_THE_GRANT: ReadonlySet<string> = new Set([
  'sts:AssumeRole',
  'sts:AssumeRoleWithSAML',
  'sts:AssumeRoleWithWebIdentity',
  'sts:AssumeRoot',
  'sts:GetDelegatedAccessToken',
  'sts:GetFederationToken',
  'sts:GetSessionToken',
  'sts:GetWebIdentityToken',
]);

/** Throws `ERR_OPERATION`, with a did-you-mean, for anything but exactly one action of AWS. Case does not matter. */
export async function findAction(book: FactBook, typed: string): Promise<KnownAction> {
  const [service = '', action = '', ...rest] = typed.split(':');
  if (rest.length > 0 || service === '' || action === '' || typed.length > 128) {
    throw fault(typed, 'not an operation of aws', 'write it as service:Action, for example s3:GetObject');
  }
  const facts = await findService(book, typed, service.toLowerCase(), action);
  if (/[*?]/.test(action)) {
    throw fault(typed, 'a wildcard is not one operation', wildcardHint(facts, action));
  }
  const found = await facts.action(action.toLowerCase());
  if (found === null) {
    const meant = suggest(action, facts.actionNames.values()).map((name) => `${facts.prefix}:${name}`);
    throw fault(typed, `${facts.prefix} has no such operation`, didYouMean(meant));
  }
  if (OUTLIVES_THE_GRANT.has(found.name)) {
    throw fault(
      typed,
      'what it returns would outlive the grant',
      'have the role that you want to reach configured as a target of its own',
    );
  }
  return { facts: found, service: facts };
}

async function findService(book: FactBook, typed: string, service: string, action: string): Promise<ServiceFacts> {
  const found = /^[a-z0-9-]{1,64}$/.test(service) ? await book.service(service) : null;
  if (found !== null) return found;
  if (/[*?]/.test(service)) {
    throw fault(typed, 'a wildcard is not one operation', 'name exactly one, for example s3:GetObject');
  }
  const near = suggest(service, await book.servicePrefixes(), 8);
  const spelled = await Promise.all(
    near.map(async (name) => (await book.service(name))?.actionNames.get(action.toLowerCase())),
  );
  const exact = near.flatMap((name, index) => (spelled[index] === undefined ? [] : [`${name}:${spelled[index]}`]));
  throw fault(typed, 'aws has no such service', didYouMean(exact));
}

const didYouMean = (names: readonly string[]): string =>
  names.length === 0
    ? 'the operations of aws are listed in its service authorization reference'
    : `did you mean ${names.slice(0, 3).join(' or ')}?`;

function wildcardHint(service: ServiceFacts, action: string): string {
  // Built from escaped literals: what was typed never becomes a pattern of its own.
  const pattern = action
    .split(/\*+/)
    .map((part) => part.replace(/[^a-zA-Z0-9?]/g, '\\$&').replaceAll('?', '.'))
    .join('[a-zA-Z0-9]*');
  const matcher = action.length <= 64 && action.split('*').length <= 3 ? new RegExp(`^${pattern}$`, 'i') : null;
  const names = [...service.actionNames.values()].filter((name) => matcher?.test(name) ?? false);
  const [first] = names;
  if (first === undefined) return `name exactly one, for example s3:GetObject`;
  return `it would be ${names.length} of them; name exactly one, for example ${service.prefix}:${first}`;
}

function fault(typed: string, what: string, hint: string): JitError {
  return new JitError({ code: 'ERR_OPERATION', message: `${display(typed, 100)}: ${what}`, hint });
}
