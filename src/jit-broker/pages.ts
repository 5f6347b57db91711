/**
 * Puts the approvers' pages together: their identity providers, and what they need of the broker.
 * @module
 */
import type { AppParts } from '../broker/http/app.ts';
import { redirectUri } from '../broker/web/address.ts';
import { readAssets } from '../broker/web/assets.ts';
import type { Place, WebParts } from '../broker/web/ports.ts';
import { webRoutes } from '../broker/web/routes.ts';
import { JitError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Clock, Target } from '../core/ports.ts';
import { makeRelyingParty, type RelyingParty } from '../identity/sign-in/relying-party.ts';
import { type OidcConfig, providerView } from '../identity/verify/config.ts';
import { openOwnFile } from '../local/atomic.ts';
import { shellWord } from '../local/fault.ts';
import type { BrokerPlan } from './plan.ts';

type Parts = Pick<WebParts, 'broker' | 'store' | 'verifier' | 'now' | 'random' | 'log'> & {
  readonly targets: ReadonlyMap<string, Target>;
};

const SECRET_BYTES = 4_096;

/** Throws `ERR_CONFIG` for a file of a client secret that is not there or that others can read. */
export async function openPages(
  { config, issuer: address }: BrokerPlan,
  { targets, ...rest }: Parts,
): Promise<NonNullable<AppParts['pages']>> {
  const providers: RelyingParty[] = [];
  for (const [name, entry] of config.identity) {
    if (entry.type === 'oidc' && entry.web) providers.push(await partyOf(name, entry, address, rest.now));
  }
  const places = new Map([...targets].map(([name, target]): [string, Place] => [name, placeOf(target)]));
  const limits = { lengthSeconds: config.sessions.length, wordSeconds: config.sessions.word };
  const app = webRoutes({ ...rest, providers, places, address, limits }, await readAssets());
  return (request, env) => app.fetch(request, typeof env === 'object' && env !== null ? env : {});
}

function placeOf({ provider, environment, sandbox }: Target): Place {
  return { provider, environment, sandbox };
}

async function partyOf(name: string, entry: OidcConfig, address: string, now: Clock): Promise<RelyingParty> {
  const view = providerView(name, entry);
  const client = { id: entry.client_id, scopes: entry.scopes, device: entry.device };
  const secret = entry.client_secret_file === undefined ? null : await readSecret(entry.client_secret_file);
  return makeRelyingParty({ provider: { ...view, client }, secret, redirectUri: redirectUri(address), now });
}

/** What an editor adds at the end of a line is no part of it. */
async function readSecret(file: string): Promise<Secret<string>> {
  const found = await openOwnFile(file, SECRET_BYTES);
  if (found === null) throw new JitError({ code: 'ERR_CONFIG', message: `${file}: there is no such file` });
  await found.handle.close();
  if ((found.mode & 0o077) !== 0) {
    throw new JitError({
      code: 'ERR_CONFIG',
      message: `${file}: others can read this client secret`,
      hint: `close it with: chmod 600 ${shellWord(file)}`,
    });
  }
  const text = found.bytes.toString('utf8').trim();
  if (/^[\x21-\x7e]+$/.test(text)) return new Secret(text);
  throw new JitError({ code: 'ERR_CONFIG', message: `${file}: that is not a client secret` });
}
