/**
 * The configuration that `jit-broker init` writes. A line that begins with # and a letter, or # and two spaces, becomes
 * configuration when the # is taken away; every other comment is for people.
 * @module
 */

/** Everything that the files say about one broker. Paths are absolute. */
export interface Settings {
  readonly folder: string;
  readonly state: string;
  readonly issuer: string;
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly idpIssuer: string;
  readonly clientId: string;
}

export function brokerYaml(settings: Settings): string {
  const { issuer, idpIssuer, clientId } = settings;
  return `# The configuration of a broker of jit. It is read when the broker starts, and what is not known in it is refused.
# To use a line that is commented out, take away its #, and nothing else.

# The address at which everybody reaches this broker, the clouds that trust its keys included. It is part of every
# proof of identity made for this broker: whoever changes it signs everybody out.
issuer: ${text(issuer)}

${listenYaml(settings)}

# Relative to this file. What no rule in this folder permits is denied. Changed rules are taken up within seconds; bad ones
# are refused, and the rules before them go on.
policies: ./policies

# How long people are waited for.
approvals:
  # A request that nobody has decided by then is over.
  wait: 4h
  # An approved request waits so long for its requester; the time of the grant starts when they take it up.
  takeUp: 1h
  # One's own confirmation of a self-serve request.
  confirm: 10m

# How long a sign-in lasts.
sessions:
  # The end of a session, however often its tokens are renewed.
  length: 12h
  # Life of one access token.
  token: 10m
  # Before anything is issued the identity provider is asked for its word, each time anew: whoever was disabled there, or has
  # left a group, gets nothing more. So old may such a word be, by this broker's clock, and so far may the clocks differ.
  word: 30s

# Who vouches for those who sign in. Each entry has a name of your choice; the names show in the audit log.
identity:
  # People, by OpenID Connect: a public client with PKCE and two redirect URIs: http://127.0.0.1/callback for the command line,
  # and, for the pages of this broker, /web/callback below its own address above (web: false takes the pages away).
  people:
    type: oidc
    issuer: ${text(idpIssuer)}
    client_id: ${text(clientId)}
    # The claims that hold the groups and the name of a person. Where somebody may have several accounts, person names a
    # claim that is the same in all of them, such as email or an employee number: nobody approves as two people.
    claims: { groups: groups, name: name }
    # Offline access lets jit ask for the provider's word before each issuance without bothering the person.
    scopes: [openid, profile, offline_access]
    # Signing in on another device by a code. Off, for whoever is sent such a code can be talked into entering it.
    device: false
    # For a provider in a private network.
    allow_private_addresses: ${isPrivate(idpIssuer) ? 'true' : 'false'}

${EXAMPLES}`;
}

const EXAMPLES = `  # GitHub Actions. Repositories and owners are named by their numbers, which nobody can take over by renaming:
  # gh api repos/OWNER/NAME --jq '.id, .owner.id'
#  github:
#    type: github
#    repository_ids: [123456789]
#    repository_owner_ids: [987654]
#    environment: production
#    groups: [deployers]

  # GitLab CI, with id_tokens whose aud is the address of this broker.
#  gitlab:
#    type: gitlab
#    issuer: https://gitlab.com
#    project_ids: [4711]
#    ref_protected: true

  # A Kubernetes cluster: pods with a projected service account token whose audience is the address of this broker.
  # The issuer is what kubectl get --raw /.well-known/openid-configuration says.
#  cluster:
#    type: kubernetes
#    issuer: https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE
#    service_accounts: [ci/deployer]

  # Workloads with a JWT-SVID of a SPIFFE trust domain, checked with its bundle.
#  mesh:
#    type: spiffe
#    trust_domain: example.org
#    paths: [/ns/prod/sa/web]
#    keys: { url: https://spire.example.org/keys }

  # Roles of AWS accounts, by a signed request to STS that only this broker can use.
#  aws:
#    type: aws
#    accounts: ['123456789012']
#    roles: ['arn:aws:iam::123456789012:role/ci']
#    regions: [eu-west-1]

  # Managed identities of an Azure tenant.
#  azure:
#    type: azure
#    issuer: https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0
#    tenant_id: 11111111-2222-3333-4444-555555555555
#    object_ids: [66666666-7777-8888-9999-000000000000]
#    application_id: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee

  # Service accounts of Google Cloud, by their unique ids.
#  google:
#    type: google
#    service_account_ids: ['104567890123456789012']

# Who is told of requests that people decide, and of what becomes of them. Each entry has a name of your choice. A secret is one
# line in a file that only the broker can read (chmod 600); on says what is told, where it is not the usual.
#notify:
  # One message for each request in a channel of Slack, by the bot of an app that is in the channel and has chat:write. With
  # buttons instead of page, a click counts for whoever people names; the app's interactivity URL is the address of this
  # broker and then /v1/hooks/approvals.
#  approvals:
#    type: slack
#    token: { file: slack-token }
#    channel: C0123ABCD
#    groups: [sre-leads]
#    approve: page
#    signing_secrets: [{ file: slack-signing-secret }]
#    people: [{ team: T0123ABCD, user: U0123ABCD, issuer: https://id.example.com, subject: '4711' }]

  # A channel of Microsoft Teams, by the workflow "When a Teams webhook request is received", whose address is a secret.
#  team:
#    type: teams
#    url: { file: teams-url }
#    on: [approval-needed, stuck, break-glass, review-open]

  # Everything to a program of your own, signed as Standard Webhooks says. To make a secret:
  # (umask 077; echo "whsec_$(openssl rand -base64 32)" > webhook-secret)
#  siem:
#    type: webhook
#    url: https://siem.example.com/jit
#    secrets: [{ file: webhook-secret }]

  # E-mail: to the approvers of a group, to requesters, and with to, to others for everything.
#  mail:
#    type: email
#    host: smtp.example.com
#    port: 587
#    tls: starttls
#    user: jit
#    password: { file: smtp-password }
#    from: jit@example.com
#    approvers: { sre-leads: [lead@example.com] }
#    people: [{ issuer: https://id.example.com, subject: '4711', address: ada@example.com }]

# Where this broker can issue. With web-identity it needs no secret of the cloud: the account trusts the keys that it
# publishes below its issuer address. jit-broker init aws prints what an account of AWS needs, and the lines for it here.
#targets:
#  staging:
#    provider: aws
#    environment: staging
#    role: arn:aws:iam::123456789012:role/jit-web
#    revoker: arn:aws:iam::123456789012:role/jit-revoker
#    region: eu-west-1
#    credentials: web-identity

# Tasks with a name, so that people need not know what they consist of.
#operations:
#  deploy-web:
#    description: publish the web site
#    actions: [s3:PutObject, s3:DeleteObject]
#    resources: ['arn:aws:s3:::web-staging/*']
#    target: staging
#    risk: medium
`;

function listenYaml({ host, port, tls }: Settings): string {
  if (tls === null) {
    return `# Behind a proxy that speaks TLS. The proxy passes the Host header on as it is, and takes the path of the issuer away,
# if it has one. To speak TLS without one, write any address, and tls:
# listen: { host: 0.0.0.0, port: 443, tls: { cert: /etc/jit/tls/cert.pem, key: /etc/jit/tls/key.pem } }
listen:
  host: ${text(host)}
  port: ${port}`;
  }
  return `# Renewed files are taken up without a restart. The key is readable by the user of the broker alone; with certbot, a
# deploy hook copies both: install -o USER -m 600 "$RENEWED_LINEAGE"/privkey.pem ${tls.key.replaceAll(/[^\x20-\x7e]/g, '?')}
# Behind a proxy that speaks TLS, write a loopback address, and no tls:
# listen: { host: 127.0.0.1, port: 8080 }
listen:
  host: ${text(host)}
  port: ${port}
  tls:
    cert: ${text(tls.cert)}
    key: ${text(tls.key)}`;
}

/** A text as a YAML 1.2 double-quoted scalar, of which JSON is a part; plain where it surely means itself. */
function text(value: string): string {
  return /^(?:https?:\/\/|\/)[\w./:-]*[\w/]$/.test(value) ? value : JSON.stringify(value);
}

/** Whether a provider can only be meant to be on this machine. */
function isPrivate(issuer: string): boolean {
  return /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?:[:/]|$)/.test(issuer);
}
