# What every script does first: dependencies of a fresh clone, host packages, Node's path. Sourced, not run.
cd "$(dirname "$0")/.." || exit 1
if [ "$(id -u)" != 0 ]; then
  echo "this runs real containers: run it as root" >&2
  exit 1
fi
[ -x node_modules/node/bin/node ] && [ -d node_modules/koffi ] || npm ci --no-audit --no-fund
PATH="$PWD/node_modules/.bin:$PWD/node_modules/node/bin:$PATH"
export PATH NODE_COMPILE_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/berth"
./berth setup --yes

# need PROGRAM PACKAGE …: installs the packages whose program is missing, and starts none of their services
# (invoke-rc.d(8) asks policy-rc.d).
need() {
  missing=""
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
    shift 2
  done
  [ -z "$missing" ] && return
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then policy=""; else printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; fi
  status=0
  # shellcheck disable=SC2086
  apt-get install -y --no-install-recommends $missing || status=$?
  [ -z "$policy" ] || rm -f "$policy"
  return "$status"
}
