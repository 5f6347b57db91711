/**
 * `jit --help`, ready made, so that it needs no parser. A test holds it to what the parser would print.
 * @module
 */

export const ROOT_HELP = `Usage: jit <command> [options]

just-in-time cloud access: what one task needs, for as long as it lasts

Options:
  -V, --version   print the version
  -h, --help      show this help

Everyday:
  request         ask for access and get a profile that ends with it
  exec            run one command with access, and revoke it when the command
                  ends
  status          show the live grants on this machine and the time that is left
  list            list your live grants at the broker, newest first
  wait            wait for a request, then install its profile as jit request
                  would
  revoke          end a grant now: wiped here at once, then revoked at the cloud

Look:
  show            show a request: decision, permission, state at each target,
                  and what happened
  catalog         show the operations and targets that can be asked for, and how
                  each is decided

On this machine:
  profiles        list the profiles that jit has written on this machine
  env             print the variables with which a shell uses a live grant (no
                  keys in them)
  credential      print a credential of a live grant, for tools (a secret on
                  stdout)
  wipe            remove every profile and credential of jit from this machine
  config          show or change the settings of this client

Other:
  completion      print a completion script for bash, zsh or fish
  help [command]  show help for a command

Example:
  jit request s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 15m \\
      --reason 'look at the reports'

jit <command> --help has examples of each command and its exit statuses.
`;
