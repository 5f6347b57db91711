/**
 * The providers that this program has, and the targets that the configuration names.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issuer } from '../broker/issuer/issuer.ts';
import type { Log } from '../broker/service/log.ts';
import { JitError } from '../core/errors.ts';
import type { Clock, Provider, Target } from '../core/ports.ts';
import { awsProvider } from '../providers/aws/provider.ts';
import { type Sandbox, startSandbox } from '../sandbox/start.ts';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../sandbox/world.ts';
import type { BrokerPlan } from './plan.ts';

export interface Clouds {
  readonly targets: ReadonlyMap<string, Target>;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly sandbox: Sandbox | null;
}

const AUDIENCE = 'sts.amazonaws.com';

export async function openTargets(plan: BrokerPlan, issuer: Issuer, now: Clock, log: Log): Promise<Clouds> {
  const sandbox = plan.sandbox === 'with sandbox' ? await openSandbox(plan.state, issuer, now, log) : null;
  const aws = awsProvider({ now, signer: issuer.signer, notice: (text) => log.warn(text) });
  const providers = new Map<string, Provider>([[aws.kind, aws]]);
  const targets = new Map<string, Target>();
  if (sandbox !== null) targets.set('sandbox', aws.parseTarget('sandbox', sandboxConfig(sandbox)));
  for (const [name, { provider: kind, config }] of plan.config.targets) {
    const provider = providers.get(kind);
    if (provider === undefined) {
      const hint = `known providers: ${[...providers.keys()].join(', ')}`;
      throw new JitError({
        code: 'ERR_CONFIG',
        message: `target ${name}: there is no provider ${JSON.stringify(kind)}`,
        hint,
      });
    }
    targets.set(name, provider.parseTarget(name, config));
  }
  return { targets, providers, sandbox };
}

function sandboxConfig({ url }: Sandbox): object {
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

/** The same port as last time where it is free: revocation handles and profiles of live grants name it. */
async function openSandbox(state: string, issuer: Issuer, now: Clock, log: Log): Promise<Sandbox> {
  const file = join(state, 'sandbox-port');
  const text = await readFile(file, 'utf8').catch(() => '');
  const last = /^\d{4,5}$/.test(text) ? Number(text) : 0;
  const trust = { issuer: issuer.signer.issuer, audience: AUDIENCE, jwks: { keys: [...issuer.jwks().keys] } };
  const start = async (port: number): Promise<Sandbox> =>
    startSandbox({ port, state: join(state, 'sandbox.json'), issuers: [trust], now });
  const sandbox = await start(last).catch(async (thrown: unknown) => {
    if (last === 0) throw thrown;
    log.warn('the port of the sandbox is taken; live sandbox grants end at their time', { port: last });
    return start(0);
  });
  if (sandbox.port !== last) await writeFile(file, String(sandbox.port), { mode: 0o600 });
  return sandbox;
}
