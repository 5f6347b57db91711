/**
 * The variables through which az, the Azure SDKs and Terraform find one grant, and those that would make them find something else.
 * @module
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { homeFolder } from '../../local/paths.ts';
import type { Access, Change, Env } from '../tool.ts';
import { signedInFolder } from './folder.ts';
import { checkSettings, readStatement } from './settings.ts';
import type { Checked } from './settings.ts';

/**
 * Each names an identity, a secret or another place. Of the Azure SDKs (`EnvironmentCredential`, `ManagedIdentityCredential`, the
 * choice of a chain), of az and its storage commands, of the azurerm and azuread providers and the azurerm backend of
 * Terraform, and of azcopy.
 */
const CONFLICTING =
  /^(?:AZURE_(?:CLIENT_(?:SECRET|CERTIFICATE_[A-Z_]+|SEND_CERTIFICATE_CHAIN)|USERNAME|PASSWORD|TOKEN_CREDENTIALS|ADDITIONALLY_ALLOWED_TENANTS|POD_IDENTITY_AUTHORITY_HOST|REGIONAL_AUTHORITY_NAME|ACCESS_TOKEN|AUTH_LOCATION|STORAGE_(?:CONNECTION_STRING|KEY|SAS_TOKEN|AUTH_MODE))|ARM_(?:CLIENT_(?:SECRET|CERTIFICATE)[A-Z_]*|CLIENT_ID_FILE_PATH|OIDC_(?:TOKEN|REQUEST_TOKEN|REQUEST_URL|AZURE_SERVICE_CONNECTION_ID)|ADO_PIPELINE_SERVICE_CONNECTION_ID|USE_AKS_WORKLOAD_IDENTITY|AUXILIARY_TENANT_IDS|MSI_[A-Z_]+|METADATA_HOST(?:NAME)?|ACCESS_KEY|SAS_TOKEN)|IDENTITY_(?:ENDPOINT|HEADER|SERVER_THUMBPRINT)|IMDS_ENDPOINT|MSI_(?:ENDPOINT|SECRET)|AZCOPY_[A-Z_]+)$/i;

/** What leads to the grant, by name. Nothing in it is secret. */
export function variablesOf(
  checked: Checked,
  where: { readonly clientId: string; readonly secretFile: string; readonly folder: string },
): ReadonlyMap<string, string> {
  const { tenant, subscription, authority, cloud } = checked;
  const { clientId, secretFile, folder } = where;
  return new Map([
    ['AZURE_CONFIG_DIR', folder],
    // Tokens of az would otherwise last for up to 28 hours, for the sake of events that the end of an assignment is none of.
    ['AZURE_IDENTITY_DISABLE_CP1', '1'],
    // WorkloadIdentityCredential, which DefaultAzureCredential finds in every language, reads the file anew for each token.
    ['AZURE_TENANT_ID', tenant],
    ['AZURE_CLIENT_ID', clientId],
    ['AZURE_FEDERATED_TOKEN_FILE', secretFile],
    ['AZURE_AUTHORITY_HOST', `${authority}/`],
    ['AZURE_SUBSCRIPTION_ID', subscription],
    ['ARM_TENANT_ID', tenant],
    ['ARM_CLIENT_ID', clientId],
    ['ARM_SUBSCRIPTION_ID', subscription],
    ['ARM_USE_OIDC', 'true'],
    ['ARM_OIDC_TOKEN_FILE_PATH', secretFile],
    ['ARM_USE_CLI', 'false'],
    ['ARM_USE_MSI', 'false'],
    ...(cloud === null ? [] : [['ARM_ENVIRONMENT', cloud.terraform] as const]),
  ]);
}

/** What to change in `env` so that a child finds this grant and nothing before it. Throws `ERR_LOCAL_FILE`, `ERR_CONFIG`. */
export async function azureEnvironment(env: Env, platform: NodeJS.Platform, access: Access): Promise<Change> {
  const { tool, secretFile, expiresAt } = access;
  const checked = checkSettings(tool);
  // Whoever is signed in there already has it: whatever leads to that must stay.
  if (tool.kind === 'azure' && tool.identity === 'own') {
    const set = new Map([
      ['AZURE_SUBSCRIPTION_ID', checked.subscription],
      ['ARM_SUBSCRIPTION_ID', checked.subscription],
    ]);
    return { set, removed: [], replaced: [...set.keys()], hidden: [] };
  }
  const statement = await readStatement(secretFile);
  const folder = await signedInFolder(secretFile, { checked, statement, end: expiresAt });
  const set = variablesOf(checked, { clientId: statement.clientId, secretFile, folder });
  const removed = Object.keys(env).filter(
    (name) => env[name] !== undefined && !set.has(name) && CONFLICTING.test(name),
  );
  return { set, removed: removed.toSorted(), replaced: [...set.keys()], hidden: await inTheWay(env, platform) };
}

async function inTheWay(env: Env, platform: NodeJS.Platform): Promise<readonly string[]> {
  try {
    const given = env['AZURE_CONFIG_DIR'];
    const folder = given === undefined || given === '' ? join(homeFolder(env, platform), '.azure') : given;
    return (await stat(folder)).isDirectory() ? [folder] : [];
  } catch {
    // Where there is none, or nobody can tell where, there is none to be missed.
    return [];
  }
}
