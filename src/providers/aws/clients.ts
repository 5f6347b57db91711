/**
 * Clients of AWS's own services: made on first use, kept, and shared by all grants.
 * @module
 */
import type { IAMClient } from '@aws-sdk/client-iam';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { SSOAdminClient } from '@aws-sdk/client-sso-admin';
import type { STSClient } from '@aws-sdk/client-sts';
import type { AwsKeys } from '../../core/credential.ts';
import type { Secret } from '../../core/secret.ts';
import type { RoleAccess } from './target.ts';

/** Credentials in the form of the SDKs, with their end where they have one. */
export interface SdkKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Asked whenever a call is signed, so that credentials can change. */
export type KeySource = () => Promise<SdkKeys>;

/** Calls with keys of the same name share a client. */
export interface NamedKeys {
  readonly name: string;
  readonly source: KeySource;
}

/** Where a service is asked. */
export type Site = Pick<RoleAccess, 'region' | 'endpoint'>;

export interface Clients {
  /** For calls that carry their own proof (web identity). */
  unsigned(site: Site): Promise<STSClient>;
  /** Signs with the credentials that the broker runs under. */
  ambient(site: Site): Promise<STSClient>;
  /** Signs with these keys; made for one use. */
  as(site: Site, keys: Secret<AwsKeys>): Promise<STSClient>;
  /** @param keys null for the credentials that the broker runs under. */
  iam(site: Site, keys: NamedKeys | null): Promise<IAMClient>;
  /** The same for Systems Manager. */
  ssm(site: Site, keys: NamedKeys | null): Promise<SSMClient>;
  /** The same for IAM Identity Center. */
  ssoAdmin(site: Site, keys: NamedKeys | null): Promise<SSOAdminClient>;
}

const CONNECT_MS = 3_000;
const SILENT = { trace: drop, debug: drop, info: drop, warn: drop, error: drop };

function drop(): void {
  // An SDK's log could show what it was given.
}

/** @param ambient stands in for the default chain of the SDK (environment, files, container, instance). */
export function awsClients(ambient: KeySource | null): Clients {
  const kept = new Map<string, Promise<STSClient>>();
  const keptIam = new Map<string, Promise<IAMClient>>();
  const keptSsm = new Map<string, Promise<SSMClient>>();
  const keptSsoAdmin = new Map<string, Promise<SSOAdminClient>>();
  const signed = async (site: Site, keys: NamedKeys | null) => ({
    ...settings(site),
    credentials: keys?.source ?? ambient ?? (await defaultChain(site)),
  });
  const named = (site: Site, keys: NamedKeys | null): string => `${keys?.name ?? 'ambient'} ${nameOf(site)}`;
  return {
    unsigned: (site) => once(kept, `unsigned ${nameOf(site)}`, () => makeSts(site, null)),
    ambient: (site) =>
      once(kept, `ambient ${nameOf(site)}`, async () => await makeSts(site, ambient ?? (await defaultChain(site)))),
    as: async (site, keys) => {
      const base = await once(kept, `unsigned ${nameOf(site)}`, () => makeSts(site, null));
      const { STSClient: Client } = await import('@aws-sdk/client-sts');
      // The same connections: a probe costs no new TLS handshake.
      return new Client({ ...settings(site), requestHandler: base.config.requestHandler, credentials: keys.expose() });
    },
    iam: (site, keys) =>
      once(keptIam, named(site, keys), async () => {
        const { IAMClient: Client } = await import('@aws-sdk/client-iam');
        return new Client(await signed(site, keys));
      }),
    ssm: (site, keys) =>
      once(keptSsm, named(site, keys), async () => {
        const { SSMClient: Client } = await import('@aws-sdk/client-ssm');
        return new Client(await signed(site, keys));
      }),
    ssoAdmin: (site, keys) =>
      once(keptSsoAdmin, named(site, keys), async () => {
        const { SSOAdminClient: Client } = await import('@aws-sdk/client-sso-admin');
        return new Client(await signed(site, keys));
      }),
  };
}

async function makeSts(site: Site, credentials: KeySource | null): Promise<STSClient> {
  const { STSClient: Client } = await import('@aws-sdk/client-sts');
  return new Client({ ...settings(site), ...(credentials === null ? {} : { credentials }) });
}

function settings({ region, endpoint }: Site) {
  const agent = { keepAlive: true, maxSockets: 256 };
  return {
    region,
    // jit retries for itself, after it has written down what happened.
    maxAttempts: 1,
    logger: SILENT,
    requestHandler: { httpAgent: agent, httpsAgent: agent, connectionTimeout: CONNECT_MS, logger: SILENT },
    // A variable of the environment must not send a role's credentials elsewhere than the target says.
    ignoreConfiguredEndpointUrls: true,
    ...(endpoint === null ? {} : { endpoint }),
  };
}

async function defaultChain({ region }: Site): Promise<KeySource> {
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  return fromNodeProviderChain({ clientConfig: { region } });
}

function nameOf({ region, endpoint }: Site): string {
  return `${region} ${endpoint ?? 'aws'}`;
}

async function once<T>(kept: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const known = kept.get(name) ?? make();
  kept.set(name, known);
  try {
    return await known;
  } catch (thrown) {
    kept.delete(name);
    throw thrown;
  }
}
