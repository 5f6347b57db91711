/**
 * A configured PostgreSQL server: how the broker reaches it, and which of its group roles may be granted.
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { ACCESS_LEVELS } from '../../core/access.ts';
import type { AccessLevel } from '../../core/access.ts';
import type { Target } from '../../core/ports.ts';
import { firstProblem, targetFault } from '../../core/target-config.ts';
import { isGroupName, isName } from './names.ts';

export const TLS_MODES = ['verify-full', 'require', 'disable'] as const;

/** Everything that it takes to reach the server as the broker's own role. Part of every handle, so that revocation outlives the configuration. */
export interface Reach {
  /** A name, an address, or the absolute path of the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** The one in which roles are made and dropped. Any will do: roles belong to the whole server. */
  readonly database: string;
  readonly user: string;
  /** Null where the server lets the broker in without one, such as by `peer`. */
  readonly passwordFile: string | null;
  readonly tls: (typeof TLS_MODES)[number];
  /** PEM, or null for the authorities that the machine trusts. */
  readonly authority: string | null;
}

/** A group role that grants may be made members of. */
export interface Group {
  readonly name: string;
  readonly access: AccessLevel;
  /** The databases in which it means anything. */
  readonly databases: readonly string[];
}

export interface PostgresTarget extends Target {
  readonly provider: 'postgres';
  readonly reach: Reach;
  readonly groups: ReadonlyMap<string, Group>;
  readonly databases: readonly string[];
  /** What happens where a grant could connect to databases that were not asked for. */
  readonly otherDatabases: 'refuse' | 'tell';
  /** Sessions that one grant may have open. */
  readonly connections: number;
}

const NAME = z.string().refine(isName, 'a name of at most 63 bytes, without control characters');
const DATABASES = z
  .array(NAME)
  .min(1, 'at least one')
  .max(100, 'at most 100')
  .refine((names) => new Set(names).size === names.length, 'each once');
const GROUP = z.strictObject({
  access: z.enum(ACCESS_LEVELS, `one of ${ACCESS_LEVELS.join(', ')}`),
  databases: DATABASES.optional(),
});
/** Spaces and quotes would mean something else to the tools that are given the host. */
const HOST = /^(?:\/[\w./@+-]{0,90}|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?|[0-9a-fA-F:.]{2,45})$/;

const CONFIG = z.strictObject({
  provider: z.literal('postgres'),
  host: z
    .string()
    .regex(HOST, 'a host name, an address, or the folder of a Unix socket')
    .refine(
      (host) => !host.includes(':') || isIP(host) === 6,
      'a host name, an address, or the folder of a Unix socket',
    ),
  port: z.int().min(1, 'at least 1').max(65_535, 'at most 65535').default(5_432),
  databases: DATABASES,
  environment: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as prod'),
  user: NAME,
  password_file: z.string().min(1, 'a path').max(4_096, 'a path').optional(),
  tls: z.enum(TLS_MODES, 'verify-full, require or disable').default('verify-full'),
  authority: z.string().max(100_000).refine(isAuthority, 'one or more certificates in PEM').optional(),
  authority_file: z.string().min(1, 'a path').max(4_096, 'a path').optional(),
  roles: z
    .record(z.string().refine(isGroupName, 'the name of a group role, at most 63 bytes'), GROUP)
    .refine((roles) => Object.keys(roles).length > 0, 'at least one'),
  other_databases: z.enum(['refuse', 'tell'], 'refuse or tell').default('tell'),
  connections: z.int().min(1, 'at least 1').max(1_000, 'at most 1000').default(10),
});
type Config = z.infer<typeof CONFIG>;

/**
 * Throws `ERR_CONFIG` naming the target and the field that is wrong.
 * @param readText reads a file of the configuration. Throws what reading throws.
 */
export function parsePostgresTarget(name: string, config: unknown, readText: (path: string) => string): PostgresTarget {
  const parsed = CONFIG.safeParse(config);
  if (!parsed.success) throw targetFault(name, firstProblem(parsed.error));
  const { host, port, databases, environment, user, tls, authority_file: file } = parsed.data;
  const problem = conflict(parsed.data);
  if (problem !== null) throw targetFault(name, problem);
  const authority = file === undefined ? (parsed.data.authority ?? null) : readAuthority(name, file, readText);
  return {
    name,
    provider: 'postgres',
    environment,
    sandbox: false,
    tool: { kind: 'postgres', host, port, databases, tls, authority },
    reach: {
      host,
      port,
      // Databases are asked for by at least one character, so there is a first.
      database: databases[0] ?? 'postgres',
      user,
      passwordFile: parsed.data.password_file ?? null,
      tls,
      authority,
    },
    groups: new Map(
      Object.entries(parsed.data.roles).map(([group, { access, databases: own = databases }]) => [
        group,
        { name: group, access, databases: own },
      ]),
    ),
    databases,
    otherDatabases: parsed.data.other_databases,
    connections: parsed.data.connections,
  };
}

function conflict({ host, tls, authority, authority_file: file, roles, databases, user }: Config): string | null {
  if (tls === 'disable' && !isLocal(host)) return 'tls: disable is for loopback addresses and Unix sockets only';
  if (tls !== 'disable' && host.startsWith('/')) return 'tls: a Unix socket has none, write disable';
  if (authority !== undefined && file !== undefined) return 'authority: given twice, here and in authority_file';
  if (tls !== 'verify-full' && (authority ?? file) !== undefined) {
    return 'authority: nothing is verified without tls: verify-full';
  }
  if (Object.hasOwn(roles, user)) return `roles: ${JSON.stringify(user)} is the role of the broker itself`;
  for (const [group, { databases: own = [] }] of Object.entries(roles)) {
    const foreign = own.find((database) => !databases.includes(database));
    if (foreign !== undefined) {
      return `roles.${group}.databases: ${JSON.stringify(foreign)} is not one of the databases of the target`;
    }
  }
  return null;
}

/** Whether what is sent there never leaves the machine. */
function isLocal(host: string): boolean {
  return (
    host.startsWith('/') || host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  );
}

function readAuthority(name: string, file: string, readText: (path: string) => string): string {
  let text = '';
  try {
    text = readText(file);
  } catch {
    throw targetFault(name, 'authority_file: cannot be read');
  }
  if (!isAuthority(text)) throw targetFault(name, 'authority_file: one or more certificates in PEM');
  return text;
}

function isAuthority(text: string): boolean {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const one of certificates) void new X509Certificate(one);
    return certificates.length > 0;
  } catch {
    return false;
  }
}
