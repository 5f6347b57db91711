/**
 * Clients of Azure Resource Manager: made on first use, kept, and shared by all grants of a target.
 * @module
 */
import type { AuthorizationManagementClient } from '@azure/arm-authorization';
import type { ManagedServiceIdentityClient } from '@azure/arm-msi';
import type { TokenCredential } from '@azure/identity';
import { JitError } from '../../core/errors.ts';
import type { TokenSigner } from '../../core/ports.ts';
import { NoToken } from './failure.ts';
import { DEADLINE_MS, Unanswered, httpClient } from './http.ts';
import type { HttpClient } from './http.ts';
import { EXCHANGE_AUDIENCE } from './names.ts';
import type { AzureAccess } from './target.ts';

export interface Arm {
  readonly rbac: AuthorizationManagementClient;
  readonly msi: ManagedServiceIdentityClient;
}

export type Clients = (access: AzureAccess) => Promise<Arm>;

const PUBLIC_ARM = 'https://management.azure.com';
const PUBLIC_ENTRA = 'https://login.microsoftonline.com';
/** Seconds: an assertion is exchanged within the call that it was made for. */
const ASSERTION_SECONDS = 300;

/** @param ambient stands in for the SDK's default chain of ambient credentials. */
export function azureClients(deps: {
  readonly signer: TokenSigner | null;
  readonly ambient: TokenCredential | null;
}): Clients {
  const kept = new Map<string, Promise<Arm>>();
  return async (access) => {
    const name = JSON.stringify(access);
    const known = kept.get(name) ?? makeArm(access, deps);
    kept.set(name, known);
    try {
      return await known;
    } catch (thrown) {
      kept.delete(name);
      throw thrown;
    }
  };
}

async function makeArm(access: AzureAccess, deps: Parameters<typeof azureClients>[0]): Promise<Arm> {
  // One after the other: the packages share CommonJS modules that Node cannot load for two imports at once.
  const { AuthorizationManagementClient: Rbac } = await import('@azure/arm-authorization');
  const { ManagedServiceIdentityClient: Msi } = await import('@azure/arm-msi');
  const endpoint = access.endpoint ?? PUBLIC_ARM;
  const http = httpClient();
  const credential = careful(await credentialOf(access, deps));
  const options = {
    endpoint,
    $host: endpoint,
    credentialScopes: `${endpoint}/.default`,
    httpClient: http,
    // jit retries for itself, after it has written down what happened, and follows nobody elsewhere with its token.
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
  };
  return {
    rbac: new Rbac(credential.as, access.subscription, options),
    msi: new Msi(credential.as, access.subscription, options),
  };
}

/** A credential, and what the last call to Entra ID came to. */
interface Source {
  readonly credential: TokenCredential;
  readonly last: () => Pick<NoToken, 'kind' | 'reason'> | null;
}

async function credentialOf(access: AzureAccess, deps: Parameters<typeof azureClients>[0]): Promise<Source> {
  const { signer, ambient } = deps;
  const { tenant, clientId } = access;
  if (access.credentials === 'ambient' && ambient !== null) return { credential: ambient, last: () => null };
  const { http, last } = watched(httpClient());
  const authorityHost = access.authority ?? PUBLIC_ENTRA;
  const options = {
    // A variable of the environment must not send an assertion elsewhere than the target says.
    authorityHost,
    // Only Microsoft's own directory knows which authorities there are, and these were named by the operator.
    disableInstanceDiscovery: access.authority !== null,
    httpClient: http,
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
  };
  const { ClientAssertionCredential, DefaultAzureCredential } = await import('@azure/identity');
  if (access.credentials === 'ambient') {
    return { credential: new DefaultAzureCredential({ ...options, tenantId: tenant }), last };
  }
  if (signer === null || clientId === null) {
    throw new JitError({
      code: 'ERR_CLOUD',
      message: 'the broker has no issuer to sign with',
      hint: 'restore the issuer that this grant was issued with',
    });
  }
  const assert = async (): Promise<string> => {
    const claims = { aud: EXCHANGE_AUDIENCE, sub: `jit:${clientId}` };
    return (await signer.sign(claims, ASSERTION_SECONDS)).expose();
  };
  return { credential: new ClientAssertionCredential(tenant, clientId, assert, options), last };
}

/** Gives up when the caller does or a deadline comes, and throws nothing but `NoToken`. */
function careful({ credential, last }: Source): { readonly as: TokenCredential } {
  const getToken: TokenCredential['getToken'] = async (scopes, options) => {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = (reason: string) => (): void => reject(new NoToken('busy', reason));
    const late = AbortSignal.timeout(DEADLINE_MS);
    const [onLate, onAbort] = [stop('TIMEOUT'), stop('ABORTED')];
    late.addEventListener('abort', onLate, { once: true });
    options?.abortSignal?.addEventListener('abort', onAbort);
    if (options?.abortSignal?.aborted === true) onAbort();
    try {
      return await Promise.race([credential.getToken(scopes, options), promise]);
    } catch (thrown) {
      if (thrown instanceof NoToken || thrown instanceof JitError) throw thrown;
      const outcome = last();
      throw new NoToken(outcome?.kind ?? 'refused', outcome?.reason ?? nameOf(thrown));
    } finally {
      late.removeEventListener('abort', onLate);
      options?.abortSignal?.removeEventListener('abort', onAbort);
    }
  };
  return { as: { getToken } };
}

function watched(inner: HttpClient): { readonly http: HttpClient; readonly last: Source['last'] } {
  let last: ReturnType<Source['last']> = null;
  const http: HttpClient = {
    sendRequest: async (request) => {
      try {
        const response = await inner.sendRequest(request);
        const { status } = response;
        const code = /AADSTS\d{4,9}/.exec(response.bodyAsText ?? '')?.[0] ?? `HTTP ${status}`;
        last = status < 300 ? null : { kind: status === 429 || status >= 500 ? 'busy' : 'refused', reason: code };
        return response;
      } catch (thrown) {
        last = { kind: 'busy', reason: thrown instanceof Unanswered ? thrown.code : 'UNKNOWN' };
        throw thrown;
      }
    },
  };
  return { http, last: () => last };
}

function nameOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : 'unknown';
}
