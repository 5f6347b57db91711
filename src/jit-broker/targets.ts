/**
 * The providers that this program has, and the targets that the configuration names.
 * @module
 */
import type { Issuer } from '../broker/issuer/issuer.ts';
import type { Log } from '../broker/service/log.ts';
import { JitError } from '../core/errors.ts';
import type { Clock, Provider, Target } from '../core/ports.ts';
import { awsProvider } from '../providers/aws/provider.ts';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../sandbox/world.ts';
import type { BrokerPlan } from './plan.ts';
import { openSandbox, type RunningSandbox } from './sandbox.ts';

export interface Clouds {
  readonly targets: ReadonlyMap<string, Target>;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly sandbox: RunningSandbox | null;
}

export async function openTargets(plan: BrokerPlan, issuer: Issuer, now: Clock, log: Log): Promise<Clouds> {
  const sandbox = plan.sandbox === 'with sandbox' ? await openSandbox(plan.state, issuer, log) : null;
  const aws = awsProvider({ now, signer: issuer.signer, notice: (text) => log.warn(text) });
  const providers = new Map<string, Provider>([[aws.kind, aws]]);
  const targets = new Map<string, Target>();
  if (sandbox !== null) targets.set('sandbox', aws.parseTarget('sandbox', sandboxConfig(sandbox)));
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
