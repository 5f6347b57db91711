/**
 * The systemd unit that `jit-broker init` writes.
 * @module
 */
import { shellWord } from '../local/fault.ts';
import type { Settings } from './init-config.ts';

/** How the program is run as a service. */
export interface Service {
  /** The command up to its own arguments. */
  readonly program: readonly string[];
  readonly user: string;
  /** Whether that user is whoever ran `init`, or one to be made for the broker alone. */
  readonly userKind: 'own' | 'new';
}

/** A systemd unit; see systemd.exec(5) for each line of the sandbox. */
export function systemdUnit({ folder, state, port, tls }: Settings, { program, user }: Service): string {
  const command = [...program, 'serve', '--config', `${folder}/broker.yaml`, '--state', state];
  const paths = [...program, folder, state, ...(tls === null ? [] : [tls.cert, tls.key])];
  const inHome = paths.some((path) => /^\/(?:home|root|run\/user)\//.test(path));
  const low = port < 1_024 ? 'CAP_NET_BIND_SERVICE' : '';
  const unit = shellWord(`${folder}/jit-broker.service`);
  return `# Install it with: cp ${unit} /etc/systemd/system/ && systemctl enable --now jit-broker
[Unit]
Description=Broker of jit: just-in-time access
Wants=network-online.target
After=network-online.target

[Service]
User=${user}
ExecStart=${command.map(systemdWord).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2s
TimeoutStopSec=30s
UMask=0077
LimitCORE=0
LimitNOFILE=65536
${state === '/var/lib/jit' ? 'StateDirectory=jit\nStateDirectoryMode=0700' : `ReadWritePaths=${systemdPath(state.startsWith(`${folder}/`) ? folder : state)}`}
CapabilityBoundingSet=${low}
AmbientCapabilities=${low}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=${inHome ? 'read-only' : 'yes'}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
`;
}

/** One word of a unit's command line: systemd.service(5), "Command lines". */
function systemdWord(word: string): string {
  return systemdPath(word.replaceAll('$', '$$$$'));
}

/** systemd.syntax(7), "Quoting", and systemd.unit(5), "Specifiers". */
function systemdPath(path: string): string {
  const escaped = path.replaceAll('%', '%%');
  if (/^[\w@%+=:,./$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
