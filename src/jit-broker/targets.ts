/**
 * The providers that this program has, and the targets that the configuration names.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Issuer } from '../broker/issuer/issuer.ts';
import { readSecretFile } from '../broker/notices/secret-file.ts';
import type { Log } from '../broker/service/log.ts';
import { JitError } from '../core/errors.ts';
import type { Clock, Provider, Random, Target, TokenSigner } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../sandbox/world.ts';
import { ownerOf } from './owner.ts';
import type { BrokerPlan } from './plan.ts';
import { openSandbox, type RunningSandbox } from './sandbox.ts';

export interface Clouds {
  readonly targets: ReadonlyMap<string, Target>;
  /** Those of the targets, by kind. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Also of a kind that no target has any more. Throws `ERR_CONFIG` for one that there is none of. */
  readonly providerOf: (kind: string) => Promise<Provider>;
  readonly sandbox: RunningSandbox | null;
}

/** What every provider is made of; each takes what it needs. */
export interface ProviderDeps {
  readonly now: Clock;
  readonly random: Random;
  /** The broker's own issuer, which clouds are told to trust. */
  readonly signer: TokenSigner;
  /** The mark of this broker on what it makes at a target: 16 hexadecimal digits. */
  readonly owner: string;
  /** A secret that the configuration names by its file, read anew each time. Throws `ERR_CONFIG`. */
  readonly readSecret: (file: string) => Promise<Secret<string>>;
  /** A file that the configuration names and that is no secret, such as an authority. Throws what reading throws. */
  readonly readText: (file: string) => string;
  /** Told what an operator should know. Nothing in it is secret. */
  readonly notice: (text: string) => void;
}

type Make = (deps: ProviderDeps) => Promise<Provider>;

/** One entry for each kind of target. A broker loads those that its configuration names: all of them would slow its start. */
const PROVIDERS: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['aws', async (deps) => (await import('../providers/aws/provider.ts')).awsProvider(deps)],
  [
    'aws-identity-center',
    async (deps) => (await import('../providers/aws/identity-center/provider.ts')).identityCenterProvider(deps),
  ],
  ['azure', async (deps) => (await import('../providers/azure/provider.ts')).azureProvider(deps)],
  ['gcp', async (deps) => (await import('../providers/gcp/provider.ts')).gcpProvider(deps)],
  ['kubernetes', async (deps) => (await import('../providers/kubernetes/provider.ts')).kubernetesProvider(deps)],
  ['postgres', async (deps) => (await import('../providers/postgres/provider.ts')).postgresProvider(deps)],
]);

export async function openTargets(
  plan: BrokerPlan,
  issuer: Issuer,
  now: Clock,
  random: Random,
  log: Log,
): Promise<Clouds> {
  const sandbox = plan.sandbox === 'with sandbox' ? await openSandbox(plan.state, issuer, log) : null;
  const deps: ProviderDeps = {
    now,
    random,
    signer: issuer.signer,
    owner: await ownerOf(plan.state),
    readSecret: async (file) => await readSecretFile(plan.beside(file)),
    readText: (file) => readFileSync(plan.beside(file), 'utf8'),
    notice: (text) => log.warn(text),
  };
  const providers = new Map<string, Provider>();
  const providerOf = async (kind: string): Promise<Provider> => {
    const make = PROVIDERS.get(kind);
    if (make === undefined) throw unknownProvider(kind);
    const made = await make(deps);
    // Of two that were asked for at once, the first stays.
    const provider = providers.get(kind) ?? made;
    providers.set(kind, provider);
    return provider;
  };
  const targets = new Map<string, Target>();
  if (sandbox !== null)
    targets.set('sandbox', (await providerOf('aws')).parseTarget('sandbox', sandboxConfig(sandbox)));
  for (const [name, { provider: kind, tags, config }] of plan.config.targets) {
    if (!PROVIDERS.has(kind)) throw unknownProvider(kind, `target ${name}: `);
    targets.set(name, { ...(await providerOf(kind)).parseTarget(name, config), tags });
  }
  return { targets, providers, providerOf, sandbox };
}

function unknownProvider(kind: string, where = ''): JitError {
  return new JitError({
    code: 'ERR_CONFIG',
    message: `${where}there is no provider ${JSON.stringify(kind)}`,
    hint: `known providers: ${[...PROVIDERS.keys()].join(', ')}`,
  });
}

function sandboxConfig({ url }: RunningSandbox): object {
  return {
    provider: 'aws',
    role: SANDBOX_ROLE_ARN,
    revoker: REVOKER_ROLE_ARN,
    region: 'us-east-1',
    environment: 'sandbox',
    credentials: 'web-identity',
    endpoint: url,
    sandbox: true,
  };
}
