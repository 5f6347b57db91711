/**
 * What an operator does after `jit-broker init`.
 * @module
 */
import { shellWord } from '../local/fault.ts';
import type { Settings } from './init-config.ts';
import type { Service } from './init-service.ts';

export interface Step {
  readonly what: string;
  /** A line that can be pasted, or null. */
  readonly command: string | null;
}

/** In the order in which they are to be done. */
export function nextSteps(settings: Settings, { user, userKind }: Service): readonly Step[] {
  const { folder, state, issuer, port, tls, idpIssuer, clientId } = settings;
  const config = shellWord(`${folder}/broker.yaml`);
  const asService = userKind === 'new';
  return [
    {
      what:
        `at ${idpIssuer}, register ${clientId} as a native (public) client: redirect URI http://127.0.0.1/callback with any ` +
        'port (RFC 8252, section 7.3), authorization code with PKCE, no secret, refresh tokens (offline_access), and the ' +
        'groups of people in the claim groups of ID tokens',
      command: null,
    },
    tls === null
      ? {
          what: `have the proxy pass ${issuer} on to port ${port} of this machine with its Host header; with nginx:`,
          command: `proxy_pass http://127.0.0.1:${port}; proxy_set_header Host $host; proxy_read_timeout 90s;`,
        }
      : { what: `have ${new URL(issuer).host} lead to port ${port} of this machine`, command: null },
    {
      what: 'read the two files, name your groups in the policies and your accounts in the targets',
      command: `\${EDITOR:-vi} ${config} ${shellWord(`${folder}/policies/start.cedar`)}`,
    },
    ...(asService
      ? [
          {
            what: `give the files to a user of their own, ${user}`,
            command: `useradd --system --home-dir ${shellWord(state)} --shell /usr/sbin/nologin ${user}; chown -R ${user}: ${shellWord(folder)}`,
          },
          ...(tls === null
            ? []
            : [
                {
                  what: 'let that user, and nobody else, read the private key; a deploy hook does the same after a renewal',
                  command: `chown ${user}: ${shellWord(tls.cert)} ${shellWord(tls.key)} && chmod 600 ${shellWord(tls.key)}`,
                },
              ]),
          ...(state === '/var/lib/jit' || state.startsWith(`${folder}/`)
            ? []
            : [
                {
                  what: 'make the folder for its database and keys',
                  command: `install -d -m 700 -o ${user} ${shellWord(state)}`,
                },
              ]),
          {
            what: 'start the broker as a service',
            command: `cp ${shellWord(`${folder}/jit-broker.service`)} /etc/systemd/system/ && systemctl enable --now jit-broker`,
          },
        ]
      : []),
    {
      what: asService
        ? 'or start it by hand, as that user'
        : 'start the broker; as a service with the unit beside the configuration',
      command: `jit-broker serve --config ${config} --state ${shellWord(state)}`,
    },
    {
      what: 'see that clouds can fetch its keys',
      command: `curl -fsS ${shellWord(`${issuer}/.well-known/openid-configuration`)}`,
    },
    { what: 'sign in', command: `jit login ${shellWord(issuer)}` },
  ];
}
