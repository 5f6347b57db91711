/**
 * Azure's own list of operations: which exist, how they are spelled, whether they touch data, and what they amount to.
 * @module
 */
import type { AccessLevel } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { Clients } from './clients.ts';
import { attempt } from './failure.ts';
import type { AzureAccess } from './target.ts';

export interface Operation {
  /** As Azure spells it, such as `Microsoft.Storage/storageAccounts/read`. */
  readonly name: string;
  /** Done by the service itself (`dataActions` of roles), rather than by Resource Manager. */
  readonly data: boolean;
  readonly summary: string;
  readonly access: AccessLevel;
}

/** The operations of one namespace. */
export interface Namespace {
  readonly name: string;
  /** By the name in lower case; the few names that exist for both planes have two entries. */
  readonly operations: ReadonlyMap<string, readonly Operation[]>;
  /** Types by themselves in lower case, such as `storageaccounts/blobservices`, in Azure's spelling. */
  readonly types: ReadonlyMap<string, string>;
}

export interface OperationBook {
  /** Throws `ERR_OPERATION` where Azure has no such namespace, and what a call throws. */
  namespace(access: AzureAccess, name: string, signal: AbortSignal): Promise<Namespace>;
}

const SHAPE =
  /^[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)+(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){1,20}\/(?:read|write|delete|action)$/i;
const KEPT_MS = 6 * 3_600_000;

/** The namespace of an operation as typed. Throws `ERR_OPERATION` for what cannot be one, wildcards included. */
export function namespaceOf(action: string): string {
  if (action.length > 512 || !SHAPE.test(action)) {
    throw new JitError({
      code: 'ERR_OPERATION',
      message: `${JSON.stringify(display(action, 200)).replaceAll(/[^\x20-\x7e]/g, '?')} is not an operation of Azure`,
      hint: 'one operation without wildcards, such as Microsoft.Storage/storageAccounts/read',
    });
  }
  return action.slice(0, action.indexOf('/')).toLowerCase();
}

/** The operation as Azure spells it; two where the name exists for both planes. Throws `ERR_OPERATION` with a did-you-mean. */
export function findOperation(namespace: Namespace, action: string): readonly Operation[] {
  const found = namespace.operations.get(action.toLowerCase());
  if (found !== undefined) return found;
  const names = [...namespace.operations.values()].flatMap((entries) => entries.map(({ name }) => name));
  throw new JitError({
    code: 'ERR_OPERATION',
    message: `azure has no operation ${display(action, 200)}`,
    hint: didYouMean(action, names) ?? 'operations are listed by: az provider operation show --namespace',
  });
}

/** Reads Azure's list where it is needed, and keeps it for some hours. */
export function operationBook(deps: { readonly clients: Clients; readonly now: Clock }): OperationBook {
  const kept = new Map<string, { readonly at: number; readonly namespace: Namespace }>();
  return {
    namespace: async (access, name, signal) => {
      const key = `${access.endpoint ?? ''} ${name}`;
      const known = kept.get(key);
      if (known !== undefined && deps.now() - known.at < KEPT_MS) return known.namespace;
      const namespace = await fetchNamespace(await deps.clients(access), name, signal);
      kept.set(key, { at: deps.now(), namespace });
      return namespace;
    },
  };
}

async function fetchNamespace(
  { rbac }: Awaited<ReturnType<Clients>>,
  name: string,
  signal: AbortSignal,
): Promise<Namespace> {
  const doing = `read the operations of ${name}`;
  const needs = 'the broker needs Microsoft.Authorization/providerOperations/read, as the role Reader has it';
  const found = await attempt({ doing, effect: 'reads', needs }, async () => {
    try {
      return await rbac.providerOperationsMetadataOperations.get(name, {
        expand: 'resourceTypes',
        abortSignal: signal,
      });
    } catch (thrown) {
      if (thrown instanceof Error && 'statusCode' in thrown && thrown.statusCode === 404) return null;
      throw thrown;
    }
  });
  if (found === null) throw new JitError({ code: 'ERR_OPERATION', message: `azure has no namespace ${name}` });
  const all = [...(found.operations ?? []), ...(found.resourceTypes ?? []).flatMap((type) => type.operations ?? [])];
  const operations = new Map<string, Operation[]>();
  const types = new Map<string, string>();
  for (const { name: spelled, isDataAction, displayName, description } of all) {
    if (spelled === undefined || !SHAPE.test(spelled)) continue;
    const data = isDataAction === true;
    const summary = display(displayName ?? description ?? spelled, 120);
    const entry = { name: spelled, data, summary, access: accessOf(spelled) };
    const entries = operations.get(spelled.toLowerCase()) ?? [];
    if (!entries.some((one) => one.data === data)) operations.set(spelled.toLowerCase(), [...entries, entry]);
    const path = spelled.split('/').slice(1, -1);
    for (let depth = 1; depth <= path.length; depth++) {
      const type = path.slice(0, depth).join('/');
      if (!types.has(type.toLowerCase())) types.set(type.toLowerCase(), type);
    }
  }
  const [first] = operations.values();
  return { name: first?.[0]?.name.split('/', 1)[0] ?? name, operations, types };
}

/** Operations whose answer is a key, a token or another way in, which the grant's end does not take back. */
const HANDS_OUT =
  /\/(?:list[a-z]*(?:key|secret|credential|sas|token|connectionstring|password)[a-z]*|(?:re)?generate[a-z]*|(?:new|create|get)[a-z]*(?:key|token|sas|credential|password)[a-z]*|publishxml|config\/list|assign|elevateaccess)\/action$/;
const GIVES_IDENTITY =
  /^microsoft\.managedidentity\/.*(?:federatedidentitycredentials|userassignedidentities)\/(?:write|delete)$/;

/** The level of an operation by its verb; what hands out access counts as `permissions` whatever its verb is. */
export function accessOf(name: string): AccessLevel {
  const lower = name.toLowerCase();
  const verb = lower.slice(lower.lastIndexOf('/') + 1);
  if (verb === 'read') return 'read';
  if (lower.startsWith('microsoft.authorization/') || GIVES_IDENTITY.test(lower) || HANDS_OUT.test(lower)) {
    return 'permissions';
  }
  return lower.startsWith('microsoft.resources/tags/') ? 'tagging' : 'write';
}
