#!/usr/bin/env bash
# Refuses a wrong configuration before the process starts: the deployment fails with its faults.
set -eu

export NODE_DISABLE_COMPILE_CACHE=1
exec /var/vcap/packages/promgate-node/bin/node /var/vcap/packages/promgate/src/main.ts \
  check --config /var/vcap/jobs/promgate/config/promgate.yml
