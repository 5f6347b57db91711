/**
 * A folder of az of its own for a grant, in which it is signed in as the grant's identity and as nobody else.
 * @module
 */
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../local/atomic.ts';
import { asLocalFault } from '../../local/fault.ts';
import { ensurePrivateDir } from '../../local/private-dir.ts';
import type { Checked, Statement } from './settings.ts';

/**
 * Makes it beside the secret, with which it goes. az keeps statements of service principals in `service_principal_entries.json` and
 * subscriptions in `azureProfile.json` (azure-cli-core, `auth/identity.py` and `_profile.py`), and asks Entra ID when it needs
 * a token. In a cloud that is none of Microsoft's az is left without: it knows no way there. Throws `ERR_LOCAL_FILE`.
 * @param end epoch ms; the time of the outer folder's last change, by which it is swept. az writes into the inner one.
 * @returns the value of AZURE_CONFIG_DIR.
 */
export async function signedInFolder(
  secretFile: string,
  who: { readonly checked: Checked; readonly statement: Statement; readonly end: number },
): Promise<string> {
  const { checked, statement, end } = who;
  const { tenant, subscription, cloud } = checked;
  const outer = `${secretFile}.azure`;
  const inner = join(outer, 'config');
  await ensurePrivateDir(inner);
  const when = new Date(end);
  try {
    for (const [file, text] of cloud === null ? [] : filesOf(cloud.az, { tenant, subscription, statement })) {
      await replaceFile(join(inner, file), Buffer.from(text), { mode: 0o600 });
    }
    await utimes(outer, when, when);
  } catch (thrown) {
    throw asLocalFault(thrown, outer);
  }
  return inner;
}

function filesOf(
  name: string,
  { tenant, subscription, statement }: Pick<Checked, 'tenant' | 'subscription'> & { readonly statement: Statement },
): readonly (readonly [file: string, text: string])[] {
  const { clientId: client_id, text: client_assertion } = statement;
  const account = {
    id: subscription,
    name: subscription,
    state: 'Enabled',
    user: { name: client_id, type: 'servicePrincipal' },
    isDefault: true,
    tenantId: tenant,
    homeTenantId: tenant,
    managedByTenants: [],
    environmentName: name,
  };
  return [
    ['azureProfile.json', JSON.stringify({ subscriptions: [account] })],
    ['service_principal_entries.json', JSON.stringify([{ client_id, tenant, client_assertion }])],
    // Plain files, as the folder is private, and no telemetry about what is done under a grant.
    ['config', `[core]\nencrypt_token_cache = false\ncollect_telemetry = no\n[cloud]\nname = ${name}\n`],
  ];
}
