#!/bin/sh
# What takes longer than a test may: hundreds of kills, large streams, many containers.
set -eu
. "$(dirname "$0")/lib.sh"
exec node --test --test-timeout=3600000 --test-concurrency=1 --test-reporter=spec "test/soak/*.soak.ts"
