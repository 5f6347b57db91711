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
import { identityCenterProvider } from '../providers/aws/identity-center/provider.ts';
import { awsProvider } from '../providers/aws/provider.ts';
import { azureProvider } from '../providers/azure/provider.ts';
import { gcpProvider } from '../providers/gcp/provider.ts';
import { kubernetesProvider } from '../providers/kubernetes/provider.ts';
import { postgresProvider } from '../providers/postgres/provider.ts';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../sandbox/world.ts';
import { ownerOf } from './owner.ts';
import type { BrokerPlan } from './plan.ts';
import { openSandbox, type RunningSandbox } from './sandbox.ts';

export interface Clouds {
  readonly targets: ReadonlyMap<string, Target>;
  readonly providers: ReadonlyMap<string, Provider>;
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

/** One line for each kind of cloud. */
function providersOf(deps: ProviderDeps): readonly Provider[] {
  return [
    awsProvider(deps),
    identityCenterProvider(deps),
    azureProvider(deps),
    gcpProvider(deps),
    kubernetesProvider(deps),
    postgresProvider(deps),
  ];
}

export async function openTargets(
  plan: BrokerPlan,
  issuer: Issuer,
  now: Clock,
  random: Random,
  log: Log,
): Promise<Clouds> {
  const sandbox = plan.sandbox === 'with sandbox' ? await openSandbox(plan.state, issuer, log) : null;
  const made = providersOf({
    now,
    random,
    signer: issuer.signer,
    owner: await ownerOf(plan.state),
    readSecret: async (file) => await readSecretFile(plan.beside(file)),
    readText: (file) => readFileSync(plan.beside(file), 'utf8'),
    notice: (text) => log.warn(text),
  });
  const providers = new Map(made.map((provider) => [provider.kind, provider]));
  const targets = new Map<string, Target>();
  const aws = providers.get('aws');
  if (sandbox !== null && aws !== undefined) targets.set('sandbox', aws.parseTarget('sandbox', sandboxConfig(sandbox)));
  for (const [name, { provider: kind, tags, config }] of plan.config.targets) {
    const provider = providers.get(kind);
    if (provider === undefined) {
      const hint = `known providers: ${[...providers.keys()].join(', ')}`;
      throw new JitError({
        code: 'ERR_CONFIG',
        message: `target ${name}: there is no provider ${JSON.stringify(kind)}`,
        hint,
      });
    }
    targets.set(name, { ...provider.parseTarget(name, config), tags });
  }
  return { targets, providers, sandbox };
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
