#!/usr/bin/env bash
# Debian 13's RabbitMQ and NATS in a folder of their own, for `make compare`, which else measures
# Debian 12's, two years older. Does nothing if they are there.
#
#   deploy/debian13.sh FOLDER
#
# Takes root, debootstrap and some minutes; 1 GiB of room.
set -euo pipefail

folder=${1:?usage: $0 FOLDER}
[[ ! -e $folder/.complete ]] || exit 0
if [[ $(id -u) -ne 0 ]] || ! command -v debootstrap >/dev/null; then
  echo "$0: needs root and debootstrap; Debian 12's RabbitMQ and NATS will do" >&2
  exit 0
fi
echo "installing Debian 13's RabbitMQ and NATS into $folder"
rm -rf "$folder"
mkdir -p "$folder"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if debootstrap --variant=minbase --include=rabbitmq-server,nats-server trixie "$folder" \
  >"$log" 2>&1; then
  touch "$folder/.complete"
else
  tail -n 5 "$log" >&2
  echo "$0: could not make it; Debian 12's RabbitMQ and NATS will do" >&2
  rm -rf "$folder"
fi
