/**
 * What has to be done at clouds after a rotation.
 * Sources: IAM API reference, UpdateOpenIDConnectProviderThumbprint (thumbprints are those of the TLS certificate of the key
 * set, and count only where its authority is not a public one); gcloud reference, workload-identity-pools providers
 * update-oidc (`--jwk-json-path`).
 * @module
 */
import type { RotationStyle } from '../broker/issuer/rotate.ts';
import { shellWord } from '../local/fault.ts';

export interface Advice {
  readonly where: string;
  readonly needs: string;
}

/** @param signsFrom RFC 3339. @param jwks where the key set is fetched. */
export function afterRotation(style: RotationStyle, signsFrom: string, jwks: string): readonly Advice[] {
  const upload =
    `curl -fsS ${shellWord(jwks)} -o jwks.json && gcloud iam workload-identity-pools providers update-oidc PROVIDER` +
    ' --location=global --workload-identity-pool=POOL --jwk-json-path=jwks.json';
  const deadline = style.kind === 'overlap' ? `before ${signsFrom}` : 'now';
  return [
    { where: 'wherever the key set is fetched (AWS, Azure, Google Cloud, Kubernetes)', needs: fetching(style) },
    { where: 'Google Cloud, where a key set was uploaded', needs: `upload it again ${deadline} with: ${upload}` },
    { where: 'wherever else a key was copied to', needs: `copy the whole key set there again, ${deadline}` },
    {
      where: 'thumbprints of identity providers in AWS IAM',
      needs: 'nothing: they are of the TLS certificate at that address, not of this key',
    },
  ];
}

function fetching(style: RotationStyle): string {
  if (style.kind === 'at-once') {
    return (
      'nothing, but each keeps the old key set for a while: until it fetches again it refuses tokens of the new key and ' +
      'accepts those of the old one; to be sure, take this issuer out of the trust of your roles until then'
    );
  }
  if (style.seconds >= 3_600) return 'nothing';
  return 'nothing, but some keep a key set for longer than this overlap, and then refuse tokens until they fetch it again';
}
