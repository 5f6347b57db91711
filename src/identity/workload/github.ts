/**
 * GitHub Actions: a job with the permission `id-token: write` may ask for a token that says what it is.
 * https://docs.github.com/en/actions/reference/security/oidc
 * @module
 */
import { noAnswer, notSignedIn } from './fault.ts';
import { ask } from './ask.ts';
import { type Attempt, bounded, persistently } from './bounded.ts';
import { readToken } from './jwt.ts';
import { JWT, type WorkloadSource, variable } from './source.ts';

const LABEL = 'GitHub Actions';
const URL_NAME = 'ACTIONS_ID_TOKEN_REQUEST_URL';
const TOKEN_NAME = 'ACTIONS_ID_TOKEN_REQUEST_TOKEN';
const PERMISSION = 'give the job the permission, in its workflow: permissions: { id-token: write, contents: read }';

/** @param parts `now` in epoch ms. */
export function githubSource(parts: { readonly now: () => number; readonly limitMs: number }): WorkloadSource {
  return {
    name: 'github',
    label: LABEL,
    detect: (env) => variable(env, URL_NAME) !== undefined && variable(env, TOKEN_NAME) !== undefined,
    incomplete: (env) => variable(env, 'GITHUB_ACTIONS') === 'true',
    fetch: async ({ audience, env, signal }) => {
      const [address, bearer] = [variable(env, URL_NAME), variable(env, TOKEN_NAME)];
      if (address === undefined || bearer === undefined) {
        throw notSignedIn(`${LABEL} gave this job no ${address === undefined ? URL_NAME : TOKEN_NAME}`, PERMISSION);
      }
      const url = URL.parse(address);
      if (url === null) throw notSignedIn(`${URL_NAME} is not a URL`, PERMISSION);
      url.searchParams.set('audience', audience);
      const text = await bounded({ label: LABEL, signal, limitMs: parts.limitMs }, (limited) =>
        persistently(limited, () => askOnce(url, bearer, limited)),
      );
      const rules = { what: `the token of ${LABEL}`, audience, now: parts.now(), hint: 'run the job again' };
      return { token: readToken(text, rules), type: JWT, renewal: 'on demand' };
    },
  };
}

async function askOnce(url: URL, bearer: string, signal: AbortSignal): Promise<Attempt<string>> {
  const headers = { accept: 'application/json', authorization: `bearer ${bearer}` };
  const { status, text } = await ask({ label: LABEL, url, headers, signal });
  if (status === 200) return { value: valueOf(text) };
  if (status < 400 || status === 429 || status >= 500) throw noAnswer(LABEL, `it answers with status ${status}`);
  throw notSignedIn(`${LABEL} refuses to vouch for this job (status ${status})`, PERMISSION);
}

function valueOf(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  if (typeof body === 'object' && body !== null && 'value' in body && typeof body.value === 'string') return body.value;
  throw noAnswer(LABEL, 'its answer holds no token');
}
