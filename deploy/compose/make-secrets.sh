#!/usr/bin/env bash
# Makes what docker-compose.yml takes from ./secrets: passwords by chance, a user of the broker, and a
# certificate with an authority of its own. What is there stays as it is: delete a file to have
# it made anew.
#
#   deploy/compose/make-secrets.sh [FOLDER]
#
# Takes openssl, and the broker for the password's hash: its image, or what $WARREN says, such as
# WARREN=build/bin/warren.
set -euo pipefail

warren=${WARREN:-docker run --rm -i warren:0.1.0}
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/secrets}

# Containers run as users of their own and have to read these files, which are mounted one by one;
# on this machine it is the folder that keeps others out.
mkdir -p "$folder"
chmod 700 "$folder"
umask 077

password() {
  [[ -e $folder/$1 ]] || openssl rand -hex 24 | tr -d '\n' >"$folder/$1"
}

password postgres-password
password grafana-password
password app-password

if [[ ! -e $folder/users.yaml ]]; then
  hash=$($warren hash-password <"$folder/app-password")
  cat >"$folder/users.yaml" <<EOF
# Read anew when it changes; docs/security.md says what else may stand here.
users:
  app:
    password_hash: $hash
    virtual_hosts:
      /: {configure: .*, write: .*, read: .*}
EOF
fi

ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
if [[ ! -e $folder/ca.crt ]]; then
  openssl req -x509 "${ec[@]}" -days 3650 -subj "/CN=Warren's compose authority" \
    -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
  rm -f "$folder/tls.crt"
fi
if [[ ! -e $folder/tls.crt ]]; then
  openssl req -x509 "${ec[@]}" -days 365 -subj "/CN=broker" \
    -CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
    -addext subjectAltName=DNS:broker,DNS:localhost,IP:127.0.0.1 \
    -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
    -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>/dev/null
fi

chmod 444 "$folder"/*
chmod 400 "$folder/ca.key"
echo "in $folder: user app of the broker, password in app-password, authority ca.crt;"
echo "user admin of Grafana, password in grafana-password"
