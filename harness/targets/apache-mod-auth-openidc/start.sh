#!/usr/bin/env bash
# Runs Apache in the foreground, with a folder of its own for what it writes.
set -euo pipefail
export ROOT=$PWD STATE=$PWD/target/$PORT
mkdir -p "$STATE"
exec /usr/sbin/apache2 -f "$ROOT/httpd.conf" -D FOREGROUND
