/**
 * The value of `credential_process`, written so that every SDK reads the same words out of it.
 * @module
 */
import { posix, win32 } from 'node:path';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { localFault } from '../../local/fault.ts';
import type { JitCommand } from '../tool.ts';

/**
 * `"<runtime>" "<script>" credential gr_… --format aws --target …`. botocore splits it with `shlex` and runs it without a shell,
 * the JavaScript SDK hands it to `/bin/sh -c` or `cmd.exe /d /s /c`, and readers of the file cut it at ` #` and ` ;`.
 * A word without special characters stays bare, because the Go SDK on Windows takes the quotes for a part of the name
 * (aws-sdk-go-v2 issue 3208). Throws `ERR_LOCAL_FILE` for a path that cannot be written so that all of them agree.
 */
export function credentialProcess(
  command: JitCommand,
  { grant, target }: { readonly grant: GrantId; readonly target?: string | undefined },
  platform: NodeJS.Platform,
): string {
  const words = [command.runtime, command.script].map((path) => quoted(path, platform));
  return `${words.join(' ')} credential ${grant} --format aws${target === undefined ? '' : ` --target ${checkTarget(target)}`}`;
}

// As a broker's configuration names its targets. It comes from the broker, and goes to a shell.
function checkTarget(target: string): string {
  if (/^[a-z][a-z0-9-]{0,62}$/.test(target)) return target;
  throw new JitError({ code: 'ERR_BROKER_REPLY', message: `not the name of a target: ${display(target, 80)}` });
}

const BARE = { posix: /^[\w@%+=:,./-]+$/, win32: /^[\w@+=:,./\\-]+$/ };
// Special inside double quotes of a POSIX shell, of shlex, or of cmd.exe. A character outside ASCII depends on the code
// page of the reader on Windows.
const UNQUOTABLE = { posix: /["$`\\]/, win32: /["%!^&|<>]|[^\x20-\x7e]/ };
// C0, C1 (U+0085 is a line end to some readers), the Unicode line ends, and halves of a surrogate pair.
const UNWRITABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;

function quoted(path: string, platform: NodeJS.Platform): string {
  const kind = platform === 'win32' ? 'win32' : 'posix';
  const absolute = (kind === 'win32' ? win32 : posix).isAbsolute(path);
  if (!absolute || UNWRITABLE.test(path) || UNQUOTABLE[kind].test(path) || /\s[#;]/.test(path) || path.endsWith('\\')) {
    throw localFault(
      path,
      absolute ? 'this path cannot be written into an aws config file' : 'not an absolute path',
      'install jit and node under a path without quotes, $, %, backslashes or control characters',
    );
  }
  return BARE[kind].test(path) ? path : `"${path}"`;
}
