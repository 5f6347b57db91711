/**
 * What the stand-ins for Azure Resource Manager and Entra ID share: role definitions, operations, people and the clock.
 * @module
 */

export const TENANT = '0a11c0de-0000-4000-8000-00000000000a';
export const SUBSCRIPTION = '0a11c0de-0000-4000-8000-0000000000b1';
export const OTHER_SUBSCRIPTION = '0a11c0de-0000-4000-8000-0000000000b2';
/** The application that the broker is. */
export const BROKER = '0a11c0de-0000-4000-8000-0000000000c1';
export const IDENTITY_GROUP = 'rg-jit';

export interface RoleData {
  readonly guid: string;
  readonly name: string;
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  readonly dataActions?: readonly string[];
  readonly notDataActions?: readonly string[];
  /** Left out: everywhere. */
  readonly assignable?: readonly string[];
}

const STORAGE = 'Microsoft.Storage/storageAccounts';
export const BLOBS = `${STORAGE}/blobServices/containers/blobs`;

/** Built-in roles with the ids and permissions of Microsoft's documentation ("Azure built-in roles"), and two custom ones. */
export const ROLES: readonly RoleData[] = [
  {
    guid: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
    name: 'Storage Blob Data Reader',
    actions: [`${STORAGE}/blobServices/containers/read`, `${STORAGE}/blobServices/generateUserDelegationKey/action`],
    dataActions: [`${BLOBS}/read`],
  },
  {
    guid: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
    name: 'Storage Blob Data Contributor',
    actions: [
      `${STORAGE}/blobServices/containers/delete`,
      `${STORAGE}/blobServices/containers/read`,
      `${STORAGE}/blobServices/containers/write`,
      `${STORAGE}/blobServices/generateUserDelegationKey/action`,
    ],
    dataActions: ['delete', 'read', 'write', 'move/action', 'add/action'].map((verb) => `${BLOBS}/${verb}`),
  },
  { guid: 'acdd72a7-3385-48ef-bd42-f606fba81ae7', name: 'Reader', actions: ['*/read'] },
  {
    guid: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
    ],
  },
  { guid: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635', name: 'Owner', actions: ['*'] },
  {
    guid: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
    name: 'User Access Administrator',
    actions: ['*/read', 'Microsoft.Authorization/*', 'Microsoft.Support/*'],
  },
  {
    guid: '0a11c0de-0000-4000-8000-0000000000d1',
    name: 'VM Restarter',
    actions: ['Microsoft.Compute/virtualMachines/restart/action', 'Microsoft.Compute/virtualMachines/read'],
    assignable: [`/subscriptions/${SUBSCRIPTION}`, `/subscriptions/${OTHER_SUBSCRIPTION}`],
  },
  {
    guid: '0a11c0de-0000-4000-8000-0000000000d2',
    name: 'Key Lister',
    actions: [`${STORAGE}/listKeys/action`],
    assignable: [`/subscriptions/${OTHER_SUBSCRIPTION}`],
  },
];

/** Operations by namespace; `data:` in front of those of the data plane. */
export const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  'Microsoft.Storage': [
    `${STORAGE}/read`,
    `${STORAGE}/write`,
    `${STORAGE}/delete`,
    `${STORAGE}/listKeys/action`,
    `${STORAGE}/blobServices/read`,
    `${STORAGE}/blobServices/generateUserDelegationKey/action`,
    `${STORAGE}/blobServices/containers/read`,
    `${STORAGE}/blobServices/containers/write`,
    `${STORAGE}/blobServices/containers/delete`,
    ...['read', 'write', 'delete', 'move/action', 'add/action'].map((verb) => `data:${BLOBS}/${verb}`),
  ],
  'Microsoft.Compute': [
    'Microsoft.Compute/virtualMachines/read',
    'Microsoft.Compute/virtualMachines/restart/action',
    'Microsoft.Compute/virtualMachines/write',
    'Microsoft.Compute/virtualMachines/runCommand/action',
  ],
  'Microsoft.Authorization': [
    'Microsoft.Authorization/roleAssignments/read',
    'Microsoft.Authorization/roleAssignments/write',
    'Microsoft.Authorization/elevateAccess/action',
  ],
  'Microsoft.Insights': ['Microsoft.Insights/metrics/read'],
  'Microsoft.Resources': ['Microsoft.Resources/tags/write', 'Microsoft.Resources/subscriptions/resourceGroups/read'],
};

/** Whether a role lets an operation through; written apart from the code under test, on purpose. */
export function permits(role: RoleData, operation: string, plane: 'control' | 'data'): boolean {
  const [yes, no] =
    plane === 'data'
      ? [role.dataActions ?? [], role.notDataActions ?? []]
      : [role.actions ?? [], role.notActions ?? []];
  const hit = (pattern: string): boolean =>
    new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 'i').test(operation);
  return yes.some(hit) && !no.some(hit);
}

export function planeOf(operation: string): 'control' | 'data' {
  const all = Object.values(OPERATIONS).flat();
  return all.some((one) => one.toLowerCase() === `data:${operation.toLowerCase()}`) ? 'data' : 'control';
}

/** An answer, not yet sent. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export function fault(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

/** Whether `outer` is `inner` or holds it. */
export function holds(outer: string, inner: string): boolean {
  const [a, b] = [outer.toLowerCase(), inner.toLowerCase()];
  return a === b || b.startsWith(`${a}/`);
}
