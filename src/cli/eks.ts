/**
 * A live grant for kubectl: the credential of an exec plugin, for one cluster of EKS that the grant names.
 * @module
 */
import type { AwsSettings } from '../core/credential.ts';
import { JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import { eksToken } from '../identity/aws/eks-token.ts';
import { placeOf } from '../identity/aws/place.ts';
import type { HandedOut } from '../keeper/protocol.ts';
import type { RequestView } from '../wire/views.ts';
import { type Granted, settled } from './access/submit.ts';
import { awsSession } from './aws-session.ts';
import { usage } from './command.ts';
import type { Context } from './context.ts';
import { type Site, siteOf } from './site.ts';

/** How long kubectl keeps a token. AWS takes it for 15 minutes: the sooner it asks again, the sooner it learns of an end. */
const KEPT_MS = 60_000;
const ACTION = 'eks:describecluster';

export interface EksOptions {
  readonly id: GrantId;
  readonly cluster: string;
  /** Null: the only one that covers the cluster. */
  readonly target: string | null;
}

/**
 * An `ExecCredential` with a token that the cluster takes for the session of the grant.
 * Throws `ERR_GRANT_ENDED`, `ERR_RESOURCE` where the grant does not allow `eks:DescribeCluster` on that cluster,
 * `ERR_TARGET` at anything but AWS itself, and what broker and keeper throw.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
 */
export async function eksCredential(context: Context, options: EksOptions): Promise<Secret<HandedOut>> {
  const { id, cluster } = options;
  const site = await siteOf(context);
  const { client } = await context.broker();
  const granted = settled(await client.getGrant(id), site);
  if (granted === null) {
    throw new JitError({
      code: 'ERR_PENDING',
      message: 'the grant cannot be used yet',
      hint: `wait for it with: ${site.line(`jit wait ${id}`)}`,
      subject: id,
      broker: site.broker,
    });
  }
  const { target, region } = covering(granted, options, site);
  const session = await awsSession(context, id, target);
  if (session.endpoint !== null || session.region !== region) throw noCluster(target, site);
  const now = context.now();
  const token = await eksToken({ keys: session.keys, region, cluster, now });
  const notAfter = Math.min(session.notAfter, now + KEPT_MS);
  const output = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: token.expose(), expirationTimestamp: `${new Date(notAfter).toISOString().slice(0, 19)}Z` },
  });
  return new Secret({ output, notAfter });
}

/** The one target where the grant allows the cluster. What nobody has approved, jit makes no token for. */
function covering(
  { request, grant }: Granted,
  { cluster, target }: EksOptions,
  site: Site,
): { readonly target: string; readonly region: string } {
  const legs = grant.legs.flatMap((leg) => {
    const asked = target === null || leg.target === target;
    return asked && leg.tool?.kind === 'aws' && leg.tool.identity === 'issued' ? [{ ...leg, tool: leg.tool }] : [];
  });
  const fitting = legs.filter((leg) => allows(request, leg.target, arnOf(leg.tool, cluster)));
  const [leg, second] = fitting;
  if (second !== undefined) {
    const hint = `add one of: ${fitting.map((each) => `--target ${each.target}`).join(', ')}`;
    throw usage('the grant covers a cluster of that name at several targets', hint);
  }
  if (leg === undefined) {
    const [example] = legs;
    const arn = example === undefined ? '' : arnOf(example.tool, cluster);
    throw new JitError({
      code: 'ERR_RESOURCE',
      message: 'the grant does not cover that cluster',
      hint: arn === '' ? undefined : `ask for it with: ${site.line(`jit request eks:DescribeCluster ${arn}`)}`,
      subject: grant.id,
      broker: site.broker,
    });
  }
  if (leg.tool.endpoint !== null || leg.sandbox) throw noCluster(leg.target, site);
  return { target: leg.target, region: leg.tool.region };
}

/** EKS: Service Authorization Reference, "Resource types defined by Amazon Elastic Kubernetes Service". */
function arnOf({ region, account }: AwsSettings, cluster: string): string {
  return `arn:${placeOf(region)?.partition ?? 'aws'}:eks:${region}:${account}:cluster/${cluster}`;
}

function allows({ permissions }: Pick<RequestView, 'permissions'>, target: string, arn: string): boolean {
  return permissions.some(
    (permission) =>
      permission.target === target &&
      permission.actions.some((action) => action.toLowerCase() === ACTION) &&
      permission.resources.some((resource) => resource === '*' || covers(resource, arn)),
  );
}

/** Part by part, as IAM compares ARNs; in the last, `*` stands for any text and `?` for one character. */
function covers(pattern: string, arn: string): boolean {
  const [wanted, actual] = [pattern.split(':'), arn.split(':')];
  if (wanted.length !== actual.length) return false;
  const name = wanted.at(-1) ?? '';
  if (wanted.slice(0, -1).join(':') !== actual.slice(0, -1).join(':')) return false;
  return matches(name, actual.at(-1) ?? '');
}

/** Without backtracking further than the last `*`, so that no pattern takes long. */
function matches(pattern: string, text: string): boolean {
  let [at, on, star, resume] = [0, 0, -1, 0];
  while (on < text.length) {
    if (pattern[at] === '*') [star, resume, at] = [at, on, at + 1];
    else if (pattern[at] === '?' || pattern[at] === text[on]) [at, on] = [at + 1, on + 1];
    else if (star >= 0) [resume, at, on] = [resume + 1, star + 1, resume + 1];
    else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

function noCluster(target: string, { broker }: Site): JitError {
  return new JitError({
    code: 'ERR_TARGET',
    message: `there is no cluster of EKS at ${target}: it is not at AWS's own addresses`,
    broker,
  });
}
