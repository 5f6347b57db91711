/**
 * `jit --help`, ready made, so that it needs no parser. A test holds it to what the parser would print.
 * @module
 */

export const ROOT_HELP = `Usage: jit <command> [options]

just-in-time cloud access: what one task needs, for as long as it lasts

Options:
  -V, --version  print the version
  -h, --help     show this help

Everyday:
  request        ask for access and get a profile that ends with it
  exec           run one command with access that ends with it
  breakglass     access in an emergency, gone when its incident is closed
  status         show the live grants on this machine and the time left
  list           list your live grants at the broker, newest first
  wait           wait for a request to be approved, then install its profile
  cancel         take back a request of yours that has not become a grant
  renew          put the end of a live grant off
  revoke         end a grant now, here and at the cloud

Decide for others:
  inbox          list the requests that wait for your vote
  approve        look at a request and approve it
  deny           deny a request; the requester reads your reason
  review         list the open reviews of emergency access, or close one

Who you are:
  login          sign in to a shared broker
  logout         sign out of a shared broker
  whoami         show who you are at a broker, and until when

Look:
  show           show a request: decision, permission, what happened
  catalog        show what can be asked for, and how it is decided
  policy         check, test, explain and compare policies

On this machine:
  profiles       list the profiles that jit has written on this machine
  env            print the variables with which a shell uses a grant
  console        sign in to the AWS console with a live grant
  credential     print a credential of a live grant, for tools
  wipe           remove every profile and credential of jit from this machine
  config         show or change the settings of this client

Other:
  completion     print a completion script for bash, zsh or fish
  help           show help for a command

Example:
  jit request s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 15m \\
      --reason 'look at the reports'

jit <command> --help has examples of each command and its exit statuses.
`;
