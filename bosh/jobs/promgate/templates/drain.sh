#!/usr/bin/env bash
# Ends promgate by SIGTERM, which lets open scrapes end, and asks to be called again until it is gone.
set -eu

pidfile=/var/vcap/sys/run/bpm/promgate/promgate.pid
pid=$(cat "$pidfile" 2>/dev/null || true)
if [ -n "$pid" ] && kill -TERM "$pid" 2>/dev/null; then
  echo -2
else
  echo 0
fi
