/**
 * Azure: a token of the managed identity of this machine or service, or of a pod by Entra Workload ID.
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
 * @module
 */
import type { TokenCredential } from '@azure/identity';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { requireSafe } from './ask.ts';
import { type AzureHttp, azureHttp } from './azure-http.ts';
import { bounded } from './bounded.ts';
import { notSignedIn, said } from './fault.ts';
import { readToken } from './jwt.ts';
import { type Env, JWT, type WorkloadSource, variable } from './source.ts';

const LABEL = 'Azure';
/** What tells a pod from a machine, as the webhook of Entra Workload ID sets it. */
const POD = ['AZURE_FEDERATED_TOKEN_FILE', 'AZURE_CLIENT_ID', 'AZURE_TENANT_ID'] as const;
/** Addresses that the SDK takes from the environment of the process. */
const ADDRESSES = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'IMDS_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'] as const;

/**
 * The token is for the application that stands for the broker in Entra: JIT_AZURE_RESOURCE names it by its Application ID URI
 * where that is not the address of the broker. A machine sets no variable, so there the source is chosen by name. AZURE_CLIENT_ID
 * picks one of several identities. The SDK reads the environment of the process itself, so `env` must be that.
 */
export function azureSource(parts: { readonly now: () => number; readonly limitMs: number }): WorkloadSource {
  return {
    name: 'azure',
    label: LABEL,
    detect: (env) => {
      const set = (name: string): boolean => variable(env, name) !== undefined;
      return (
        (set('IDENTITY_ENDPOINT') && (set('IDENTITY_HEADER') || set('IMDS_ENDPOINT'))) ||
        set('MSI_ENDPOINT') ||
        set('AZURE_POD_IDENTITY_AUTHORITY_HOST') ||
        POD.every(set)
      );
    },
    fetch: async ({ audience, env, signal }) => {
      const resource = variable(env, 'JIT_AZURE_RESOURCE') ?? audience;
      refuseMicrosoft(resource);
      for (const name of ADDRESSES) {
        const address = variable(env, name);
        const url = address === undefined ? undefined : URL.parse(address);
        if (url === null) throw notSignedIn(`${name} is not a URL`, 'unset it, or choose another source with --as');
        if (url !== undefined) requireSafe(url, name);
      }
      const text = await bounded({ label: LABEL, signal, limitMs: parts.limitMs }, async (limited) => {
        const http = azureHttp(LABEL, limited);
        const credential = await credentialFor(env, http);
        try {
          return (await credential.getToken(`${resource}/.default`))?.token;
        } catch (thrown) {
          throw http.fault() ?? refusal(thrown, resource);
        }
      });
      const hint = 'choose another source with --as';
      // Tokens of version 2 name their audience by the id of the application, which only the broker knows.
      const rules = { what: `the token of ${LABEL}`, audience: null, now: parts.now(), hint };
      return { token: readToken(text ?? '', rules), type: JWT, renewal: 'fixed' };
    },
  };
}

async function credentialFor(env: Env, http: AzureHttp): Promise<TokenCredential> {
  const { ManagedIdentityCredential, WorkloadIdentityCredential } = await import('@azure/identity');
  const options = { httpClient: http.client, retryOptions: { maxRetries: 2, maxRetryDelayInMs: 2_000 } };
  try {
    if (POD.every((name) => variable(env, name) !== undefined)) return new WorkloadIdentityCredential(options);
    const clientId = variable(env, 'AZURE_CLIENT_ID');
    return new ManagedIdentityCredential({ ...options, ...(clientId === undefined ? {} : { clientId }) });
  } catch (thrown) {
    throw notSignedIn(`${LABEL} cannot be asked: ${wordsOf(thrown)}`, 'check the AZURE_ variables of this process');
  }
}

function refusal(thrown: unknown, resource: string): JitError {
  if (thrown instanceof JitError) return thrown;
  return notSignedIn(
    `${LABEL} gives no token for ${display(resource, 200)}: ${wordsOf(thrown)}`,
    'check that an identity is assigned here, and that JIT_AZURE_RESOURCE names the application of the broker in Entra',
  );
}

function wordsOf(thrown: unknown): string {
  return said(thrown instanceof Error ? thrown.message : String(thrown));
}

const MICROSOFT =
  /(?:^|\.)(?:azure\.(?:com|net|us|cn)|windows\.net|microsoft\.(?:com|us)|microsoftonline\.(?:com|us)|office\.com|office365\.com|chinacloudapi\.cn|usgovcloudapi\.net)$/i;

/** A token for one of Microsoft's own services would let whoever holds it act there as this workload, the broker included. */
function refuseMicrosoft(resource: string): void {
  const host = URL.parse(resource)?.hostname ?? '';
  if (!MICROSOFT.test(host)) return;
  throw notSignedIn(
    `a token for ${display(resource, 200)} would let the broker act there as this workload`,
    'register an application for the broker in Entra and name its Application ID URI in JIT_AZURE_RESOURCE',
  );
}
