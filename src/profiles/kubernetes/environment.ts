/**
 * The variables through which kubectl and its kin find one grant, and those that would make them find something else.
 * @module
 */
import { writeSecretFile } from '../../local/secret-files.ts';
import type { Access, Change, Env } from '../tool.ts';
import { emit } from './emit.ts';
import { bodiesOf, HEAD } from './entries.ts';
import { existing, filesOf, kubeconfigPlaces } from './places.ts';
import { checkSettings, checkTarget, pluginOf } from './settings.ts';

/**
 * Each names a cluster or an identity and goes before the file: of client-go, of a pod (whose own account would be used, and
 * whose namespace), of helm (https://helm.sh/docs/helm/helm/), of the kubernetes and helm providers of Terraform, of the
 * modules of Ansible. HELM_NAMESPACE and the like only choose within the cluster and stay.
 */
const CONFLICTING =
  /^(?:KUBECONFIG|KUBERNETES_(?:MASTER|SERVICE_HOST|SERVICE_PORT)|HELM_KUBE(?:CONTEXT|TOKEN|APISERVER|CAFILE|ASUSER|ASGROUPS|INSECURE_SKIP_TLS_VERIFY|TLS_SERVER_NAME)|KUBE_(?:CONFIG_PATHS?|CTX(?:_AUTH_INFO|_CLUSTER)?|HOST|USER|PASSWORD|TOKEN|INSECURE|TLS_SERVER_NAME|CLIENT_CERT_DATA|CLIENT_KEY_DATA|CLUSTER_CA_CERT_DATA|PROXY_URL)|K8S_AUTH_[A-Z0-9_]+)$/i;

/**
 * What to change in `env` so that a child finds this grant and nothing before it: a kubeconfig of its own, with one context that
 * is the current one. The user's own are not in sight, since a script that names one of their contexts would leave the grant.
 */
export async function kubernetesEnvironment(env: Env, platform: NodeJS.Platform, access: Access): Promise<Change> {
  const { tool, grant, target, command, expiresAt, secretFile } = access;
  const checked = checkSettings(tool);
  const name = checkTarget(target);
  const plugin = pluginOf(command, grant, target);
  // A program in a pod would otherwise take the pod's own namespace.
  const wanted = { ...checked, namespace: checked.namespace ?? 'default', name, grant, expiresAt, plugin };
  const { clusters: cluster, contexts: context, users: user } = bodiesOf(wanted);
  const lines = [
    ...HEAD,
    ...emit({ clusters: [{ cluster, name }], contexts: [{ context, name }], users: [{ name, user }] }),
    ...emit({ 'current-context': name }),
  ];
  const path = `${secretFile}.kubeconfig`;
  await writeSecretFile(path, lines.map((line) => `${line}\n`).join(''), expiresAt);
  // Terraform reads this one and not the other.
  const set = new Map([
    ['KUBECONFIG', path],
    ['KUBE_CONFIG_PATH', path],
  ]);
  const removed = Object.keys(env).filter(
    (variable) => env[variable] !== undefined && !set.has(variable) && CONFLICTING.test(variable),
  );
  return { set, removed: removed.toSorted(), replaced: [...set.keys()], hidden: await filesInTheWay(env, platform) };
}

async function filesInTheWay(env: Env, platform: NodeJS.Platform): Promise<readonly string[]> {
  try {
    return await existing(filesOf(kubeconfigPlaces(env, platform)));
  } catch {
    // Where the place of the user's own cannot be told, there is none to be missed.
    return [];
  }
}
