/**
 * Every command, in the order of `jit --help`.
 * @module
 */
import type { Command } from '../command.ts';
import { approve } from './approve.ts';
import { breakglass } from './breakglass.ts';
import { cancel } from './cancel.ts';
import { catalog } from './catalog.ts';
import { completionCommand } from './completion.ts';
import { config } from './config.ts';
import { consoleCommand } from './console.ts';
import { credential } from './credential.ts';
import { deny } from './deny.ts';
import { env } from './env.ts';
import { exec } from './exec.ts';
import { inbox } from './inbox.ts';
import { list } from './list.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { policy } from './policy.ts';
import { profiles } from './profiles.ts';
import { renew } from './renew.ts';
import { request } from './request.ts';
import { review } from './review.ts';
import { revoke } from './revoke.ts';
import { show } from './show.ts';
import { status } from './status.ts';
import { wait } from './wait.ts';
import { whoami } from './whoami.ts';
import { wipe } from './wipe.ts';

export const COMMANDS: readonly Command[] = [
  request,
  exec,
  breakglass,
  status,
  list,
  wait,
  cancel,
  renew,
  revoke,
  inbox,
  approve,
  deny,
  review,
  login,
  logout,
  whoami,
  show,
  catalog,
  policy,
  profiles,
  env,
  consoleCommand,
  credential,
  wipe,
  config,
  completionCommand(() => COMMANDS),
];
