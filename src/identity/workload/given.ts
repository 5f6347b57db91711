/**
 * Tokens that were laid ready: by a pipeline in a variable, by a pod in a file, by anybody in either. They are handed out once,
 * so there is no newer one to ask for.
 * @module
 */
import { access } from 'node:fs/promises';
import { display } from '../../core/display.ts';
import { notSignedIn } from './fault.ts';
import { LONGEST_TOKEN, readToken } from './jwt.ts';
import { type Env, JWT, type WorkloadProof, type WorkloadSource, variable } from './source.ts';
import { readSmallFile } from './token-file.ts';

/** Epoch ms. */
type Now = () => number;

/** For any OIDC issuer that jit does not know by name: JIT_TOKEN_FILE, or else JIT_TOKEN. */
export function tokenSource(now: Now): WorkloadSource {
  return {
    name: 'token',
    label: 'the token in JIT_TOKEN_FILE or JIT_TOKEN',
    detect: (env) => variable(env, 'JIT_TOKEN_FILE') !== undefined || variable(env, 'JIT_TOKEN') !== undefined,
    fetch: async ({ audience, env }) => {
      const hint = `set JIT_TOKEN_FILE to the absolute path of a token with the audience ${display(audience, 200)}`;
      const path = variable(env, 'JIT_TOKEN_FILE');
      if (path !== undefined) return await fromFile(path, { what: 'the file in JIT_TOKEN_FILE', audience, now, hint });
      const text = variable(env, 'JIT_TOKEN');
      if (text === undefined) throw notSignedIn('neither JIT_TOKEN_FILE nor JIT_TOKEN is set', hint);
      return given(text, { what: 'the token in JIT_TOKEN', audience, now, hint });
    },
  };
}

/** GitLab CI: `id_tokens` of a job, https://docs.gitlab.com/ci/secrets/id_token_authentication/ */
export function gitlabSource(now: Now): WorkloadSource {
  return {
    name: 'gitlab',
    label: 'GitLab CI',
    detect: (env) => variable(env, 'JIT_ID_TOKEN') !== undefined,
    incomplete: (env) => variable(env, 'GITLAB_CI') === 'true',
    fetch: async ({ audience, env }) => {
      const hint = `add to the job: id_tokens: { JIT_ID_TOKEN: { aud: ${display(audience, 200)} } }`;
      const text = variable(env, 'JIT_ID_TOKEN');
      if (text === undefined) throw notSignedIn('GitLab CI gave this job no JIT_ID_TOKEN', hint);
      return given(text, { what: 'the token in JIT_ID_TOKEN', audience, now, hint });
    },
  };
}

/** Where a pod mounts the token that it has for jit, unless JIT_KUBERNETES_TOKEN_FILE says otherwise. */
export const PROJECTED_TOKEN = '/var/run/secrets/tokens/jit';

/**
 * A service account token that the kubelet projects for this broker alone. The default one of every pod is never taken: its
 * audience is the API server, and whoever gets it could act there.
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#launch-a-pod-using-service-account-token-projection
 * @param projected the path to look at by default.
 */
export function kubernetesSource(now: Now, projected: string): WorkloadSource {
  const configured = (env: Env): string | undefined => variable(env, 'JIT_KUBERNETES_TOKEN_FILE');
  return {
    name: 'kubernetes',
    label: 'Kubernetes',
    detect: async (env) => configured(env) !== undefined || (await exists(projected)),
    fetch: async ({ audience, env }) => {
      const hint =
        `mount a projected serviceAccountToken with the audience ${display(audience, 200)} at ${PROJECTED_TOKEN}; ` +
        'the default token of the pod is for the API server and is not used';
      const path = configured(env) ?? projected;
      return await fromFile(path, { what: 'the projected token', audience, now, hint });
    },
  };
}

interface Given {
  readonly what: string;
  readonly audience: string;
  readonly now: Now;
  readonly hint: string;
}

async function fromFile(path: string, rules: Given): Promise<WorkloadProof> {
  const text = await readSmallFile(path, { what: rules.what, hint: rules.hint, limit: LONGEST_TOKEN + 256 });
  return given(text, { ...rules, what: `the token in ${display(path, 300)}` });
}

function given(text: string, { what, audience, now, hint }: Given): WorkloadProof {
  return { token: readToken(text, { what, audience, now: now(), hint }), type: JWT, renewal: 'fixed' };
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
