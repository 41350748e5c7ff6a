#!/bin/sh
# Every test, on real containers, and a check that the host is left as it was found.
set -eu
. "$(dirname "$0")/lib.sh"
# What only tests use: a registry to pull from, a second runtime, and tools that look at what was made.
need docker-registry docker-registry runc runc tini tini catatonit catatonit ip iproute2 nsenter util-linux \
  openssl openssl xz xz-utils python3 python3 ps procps curl curl tcpdump tcpdump \
  dig bind9-dnsutils /usr/bin/aws awscli sshd openssh-server age age \
  mkfs.ext4 e2fsprogs mkfs.btrfs btrfs-progs mkfs.xfs xfsprogs losetup mount \
  setfattr attr setfacl acl smbd samba ganesha.nfsd "nfs-ganesha nfs-ganesha-vfs" rpcbind rpcbind
# Its programs are in no PATH.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
# A library has no program to look for: an S3 server that checks signatures.
[ -d /usr/lib/python3/dist-packages/swift ] || need swift python3-swift
before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
node scripts/host-state.ts >"$before"
status=0
node --test --test-timeout=300000 --test-reporter=spec "src/**/*.test.ts" "test/**/*.test.ts" || status=$?
node scripts/host-state.ts >"$after"
if ! diff "$before" "$after"; then
  echo "the tests left the host changed (see the lines above)" >&2
  status=1
fi
exit "$status"
