/**
 * What a broker says about a subscription and an identity, checked before any of it reaches a file or a variable that Azure's
 * tools read.
 * @module
 */
import { readFile } from 'node:fs/promises';
import type { ToolSettings } from '../../core/credential.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { asLocalFault } from '../../local/fault.ts';

export interface Checked {
  readonly tenant: string;
  readonly subscription: string;
  /** Of Entra ID, an https origin without a final slash. */
  readonly authority: string;
  /** What az and Terraform call the cloud, or null for one that is none of Microsoft's. */
  readonly cloud: { readonly az: string; readonly terraform: string } | null;
}

const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const PUBLIC = 'https://login.microsoftonline.com';

/** By the authority (`az cloud list`; azurerm provider of Terraform, `environment`). */
const CLOUDS: ReadonlyMap<string, NonNullable<Checked['cloud']>> = new Map([
  [PUBLIC, { az: 'AzureCloud', terraform: 'public' }],
  ['https://login.microsoftonline.us', { az: 'AzureUSGovernment', terraform: 'usgovernment' }],
  ['https://login.chinacloudapi.cn', { az: 'AzureChinaCloud', terraform: 'china' }],
]);

/** Throws `ERR_TARGET` for a target of another kind, `ERR_CONFIG` naming the value that is not used: nothing is cleaned. */
export function checkSettings(tool: ToolSettings): Checked {
  if (tool.kind !== 'azure') throw new JitError({ code: 'ERR_TARGET', message: 'that is not a subscription of azure' });
  const { tenant, subscription } = tool;
  if (!GUID.test(tenant)) throw bad('tenant', tenant);
  if (!GUID.test(subscription)) throw bad('subscription', subscription);
  const authority = tool.authority ?? PUBLIC;
  const url = URL.canParse(authority) ? new URL(authority) : null;
  if (url === null || url.protocol !== 'https:' || url.origin !== authority) throw bad('authority', authority);
  return { tenant, subscription, authority, cloud: CLOUDS.get(authority) ?? null };
}

/** A statement that the keeper keeps in a file, and the identity that it speaks for. */
export interface Statement {
  readonly text: string;
  readonly clientId: string;
}

/**
 * Reads what the keeper has put there. It names the identity in its claim `client_id`; whether it is genuine is for Entra ID to
 * say. Throws `ERR_LOCAL_FILE`, and `ERR_CONFIG` where it names none.
 */
export async function readStatement(secretFile: string): Promise<Statement> {
  const text = await readFile(secretFile, 'utf8').catch((thrown: unknown) => {
    throw asLocalFault(thrown, secretFile);
  });
  const clientId = /^[\w-]+\.([\w-]+)\.[\w-]+$/.test(text) ? clientIn(text.split('.')[1] ?? '') : '';
  if (GUID.test(clientId)) return { text, clientId };
  throw new JitError({ code: 'ERR_CONFIG', message: 'the credential does not say which identity it is for' });
}

function clientIn(payload: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const value = typeof claims === 'object' && claims !== null && 'client_id' in claims ? claims.client_id : '';
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}

function bad(what: string, value: string): JitError {
  return new JitError({
    code: 'ERR_CONFIG',
    message: `not a usable ${what}: ${display(value, 100)}`,
    hint: 'the target is configured so at the broker: tell whoever runs it',
  });
}
