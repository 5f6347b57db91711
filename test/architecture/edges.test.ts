/**
 * Where the program touches the world: environment, exit, clock, and secrets as plain values.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SRC, findInCode } from './sources.ts';

/** The files that may read the environment, set the exit status read the wall clock or draw lots, and why each must. */
const EDGES: Readonly<Record<string, string>> = {
  'src/cli/world.ts': 'makes the context of a command from the real process',
  'src/jit-broker/clock.ts': 'the clock of the broker, made of the wall clock and the time since boot',
  'src/jit-broker/log.ts': 'a log line carries the wall clock',
  'src/jit-broker/main.ts': 'hands the environment to the commands about keys',
  'src/jit-broker/serve.ts': 'starts the broker process: hands the environment to the plan',
  'src/keeper/main.ts': 'starts the keeper process: environment, log, chance for the pauses between tries',
  'src/local/clock.ts': 'the one reader of both clocks',
};

/** How often each file calls `Secret.expose()`, and where the value goes. A new call needs an answer that a reviewer accepts. */
const EXPOSED: Readonly<Record<string, readonly [calls: number, goesTo: string]>> = {
  'src/broker/http/tls.ts': [1, 'the key of the certificate into the TLS stack'],
  'src/broker/issuer/issuer.ts': [1, 'the signing key into jose'],
  'src/broker/notices/open.ts': [1, 'the check of an address that is a secret itself'],
  'src/broker/service/views.ts': [4, 'the one reply that hands out credentials, once for each form of secret'],
  'src/broker/sessions/confirm.ts': [1, 'the one reply that hands out a confirmation'],
  'src/broker/sessions/sessions.ts': [2, 'the one reply that hands out the tokens of a session'],
  'src/broker/web/tokens.ts': [
    2,
    'the hash of a cookie of the pages, and the token of their forms, which follows from it',
  ],
  'src/broker/web/trip.ts': [1, 'the PKCE verifier into the cipher of the cookie that carries it'],
  'src/broker/web/visit.ts': [1, 'the Set-Cookie header of the one reply that begins a session of the pages'],
  'src/cli/aws-session.ts': [1, 'the parts of an AWS session, out of the document that the keeper made'],
  'src/cli/commands/credential.ts': [1, 'stdout of jit credential, which is for that'],
  'src/cli/console/pass.ts': [1, 'the redirect of the one browser that came for it'],
  'src/cli/console/sign-in.ts': [2, 'stdout of jit console, which is for that'],
  'src/cli/eks.ts': [1, 'the credential of an exec plugin, itself a secret until jit credential prints it'],
  'src/cli/identity.ts': [2, 'whether a new passphrase was typed the same twice'],
  'src/client/aws-console.ts': [1, "the request to AWS's own sign-in that makes a token of them"],
  'src/client/read-object.ts': [1, 'the signer of the one read by which a drill sees what its credentials can do'],
  'src/identity/aws/eks-token.ts': [1, 'the signer of the request that an EKS token is'],
  'src/identity/aws/verify.ts': [1, 'the check of a proof of an AWS identity, which goes to STS and nowhere else'],
  'src/identity/dpop/proof.ts': [3, 'the private key into jose and apart from the public half; a token into its hash'],
  'src/identity/secrets/keytar.ts': [1, 'the pipe to the process of keytar'],
  'src/identity/secrets/passphrase.ts': [1, 'its length'],
  'src/identity/secrets/seal.ts': [2, 'the passphrase into scrypt, a secret into the cipher'],
  'src/identity/secrets/store.ts': [3, 'the checks of what is stored and of what was read back'],
  'src/identity/session/link.ts': [2, 'the headers that carry the access token and a confirmation to their broker'],
  'src/identity/session/mend.ts': [
    5,
    'a refresh token and newer proofs, each to its broker; whether a token has changed',
  ],
  'src/identity/session/person.ts': [2, 'the ID token and the proof of an agent, to the broker that they are for'],
  'src/identity/session/record.ts': [6, 'what is stored, as one text for the secret store'],
  'src/identity/session/sources.ts': [1, 'variables of a job, back to the source that reads them'],
  'src/identity/session/workload.ts': [1, 'the proof of a workload, to the broker that it is for'],
  'src/identity/sign-in/code-flow.ts': [3, 'PKCE: the challenge, the verifier and the code, to the identity provider'],
  'src/identity/sign-in/device-flow.ts': [1, 'the device code, to the identity provider'],
  'src/identity/sign-in/refresh.ts': [1, "the identity provider's refresh token, back to it"],
  'src/identity/sign-in/relying-party.ts': [
    3,
    'PKCE: the challenge and the verifier; the client secret, all to the identity provider',
  ],
  'src/identity/sign-in/sign-out.ts': [1, "the identity provider's refresh token, back to it, to be revoked"],
  'src/identity/verify/verifier.ts': [1, 'the checks of a token that proves an identity'],
  'src/incidents/pagerduty/signature.ts': [1, 'the check of a call that PagerDuty has signed'],
  'src/incidents/jsm/dialect.ts': [1, 'the header that carries the token to the service of alerts'],
  'src/incidents/jsm/hook.ts': [1, 'the comparison with the header of a call'],
  'src/keeper/connect.ts': [1, "the keeper's socket, which only this user can open"],
  'src/keeper/format.ts': [
    10,
    'what tools get of each kind: an answer, the loopback endpoint, a file in the run-time folder',
  ],
  'src/keeper/vault.ts': [2, 'its length; the answer to whoever stored it'],
  'src/notify/email/notifier.ts': [1, 'the password, to the mail server of the configuration'],
  'src/notify/slack/signature.ts': [1, 'the check of a call that Slack has signed'],
  'src/outbound/call.ts': [2, 'the address of a call and the token for whoever is there, to whom they belong'],
  'src/outbound/standard-webhooks.ts': [3, 'the form of a secret; the signature of a webhook, given and checked'],
  'src/profiles/aws/write.ts': [1, 'the credentials file, with --write-credentials only'],
  'src/providers/aws/assume.ts': [1, 'the web identity token into AssumeRoleWithWebIdentity'],
  'src/providers/aws/clients.ts': [1, 'the signer of the SDK, for the probe'],
  'src/providers/aws/revoker-keys.ts': [1, 'the signer of the SDK, for the revoker role'],
  'src/providers/azure/clients.ts': [1, "the broker's own statement, to the token endpoint of Entra ID"],
  'src/providers/azure/identity.ts': [
    2,
    'the statement that makes its holder the identity of a grant, a secret again at once; how a sample is signed',
  ],
  'src/providers/gcp/calls.ts': [2, 'the bearer header of a call, and the token that is exchanged for a narrower one'],
  'src/providers/gcp/login.ts': [1, 'the token of the issuer, to the token service of Google'],
  'src/providers/postgres/issue.ts': [1, 'the password of a login role into the credential that has it'],
  'src/providers/postgres/link.ts': [1, "the broker's own password, to the server of the target"],
  'src/providers/postgres/password.ts': [1, 'the derivation of the verifier that the server is given'],
  'src/providers/kubernetes/client.ts': [
    2,
    "the form of the broker's own token; the header that carries a token to the cluster",
  ],
  'src/providers/kubernetes/provider.ts': [1, 'the credential that is handed out'],
  'src/providers/kubernetes/token.ts': [1, 'what a token that the cluster has just made says of itself'],
  'src/sandbox/keys.ts': [1, 'the derivation of every key of the sandbox'],
  'src/sandbox/sigv4/authenticate.ts': [2, 'the comparison of a signature with its key'],
  'src/sandbox/state.ts': [1, "the sandbox's own 0600 file"],
  'src/sandbox/sts/answer.ts': [2, 'the answer of AssumeRole, as from AWS'],
};

const EDGE =
  /\bprocess\s*\.\s*(?:env|exit|exitCode|abort)\b|\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bMath\.random\b/;

test('environment, exit status, wall clock and chance are touched at the edges only', () => {
  const found = findInCode(SRC, EDGE);
  assert.deepEqual(
    found.filter((place) => !Object.hasOwn(EDGES, place.split(':')[0] ?? '')),
    [],
    'take them as parameters',
  );
  const idle = Object.keys(EDGES).filter((path) => !found.some((place) => place.startsWith(`${path}:`)));
  assert.deepEqual(idle, [], 'edges that have become pure: take them off the list');
});

test('a secret becomes a plain value only at the listed places', () => {
  const counts: Record<string, number> = {};
  for (const { path, bare } of SRC) {
    const calls = bare.match(/\.\s*expose\b/g)?.length ?? 0;
    if (calls > 0) counts[path] = calls;
  }
  assert.deepEqual(counts, Object.fromEntries(Object.entries(EXPOSED).map(([path, [calls]]) => [path, calls])));
});
