/**
 * What the tests of the provider for IAM Identity Center share.
 * @module
 */
export const OWNER = '0123456789abcdef';
export const INSTANCE = 'arn:aws:sso:::instance/ssoins-1234567890abcdef';
export const [ADMIN, VIEWER] = ['ps-aaaaaaaaaaaaaaaa', 'ps-bbbbbbbbbbbbbbbb'].map(
  (id) => `arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/${id}`,
) as [string, string];
export const ACCOUNT = '123456789012';
export const USE = 'identity-center:UsePermissionSet';
export const ANN = {
  kind: 'user',
  issuer: 'https://idp.example',
  subject: 'u1',
  name: 'ann@example.com',
  groups: [],
} as const;
/** Ann in the identity store. */
export const ANN_THERE = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6';

export function centerConfig(changes: object = {}): object {
  return {
    provider: 'aws-identity-center',
    instance: INSTANCE,
    permission_sets: [ADMIN, VIEWER],
    account: ACCOUNT,
    people: { [`${ANN.issuer} ${ANN.subject}`]: ANN_THERE },
    region: 'eu-west-1',
    environment: 'prod',
    credentials: 'ambient',
    ...changes,
  };
}

export const use = (...resources: string[]) => ({ target: 'c', operation: USE, actions: [USE], resources });
