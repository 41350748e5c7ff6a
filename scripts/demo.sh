#!/bin/sh
# Brings the shop of examples/shop up on a daemon of its own, shows it, proves that its rows survive, takes it down.
set -eu
. "$(dirname "$0")/lib.sh"
exec node scripts/demo.ts
