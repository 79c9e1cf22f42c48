#!/usr/bin/env bash
# Installs Debian 12 packages that are missing; does nothing, quickly, if none is.
#
#   deploy/install-dependencies.sh build   what building and running the broker takes
#   deploy/install-dependencies.sh test    what the tests take on top
#   deploy/install-dependencies.sh compare what `make compare` takes on top
#   deploy/install-dependencies.sh package what `make package` takes on top
#   deploy/install-dependencies.sh profile what `make profile` takes on top
#
# docs/dependencies.md says what each is for.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache pkg-config
  libabsl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  librocksdb-dev libpq-dev libpqxx-dev libisal-dev libgoogle-perftools-dev libre2-dev
  prometheus-cpp-dev libcpp-httplib-dev
  libasio-dev libspdlog-dev libcli11-dev nlohmann-json3-dev
  libyaml-cpp-dev libsodium-dev libcjose-dev libjansson-dev libssl-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  python3-venv
)
test_packages=(
  clang-16 gcovr git jq libclang-rt-16-dev postgresql prometheus
  debootstrap dpkg-dev file iproute2 openssl rabbitmq-server
)
# Asked for by command, since others than Debian provide them, too.
test_commands=(npm)
# Other brokers, which are started by hand alone.
compare_packages=(rabbitmq-server librabbitmq-dev nats-server libnats-dev debootstrap)
package_packages=(dpkg-dev file)
profile_packages=(linux-perf)

case "${1:-}" in
  build) packages=("${build_packages[@]}") commands=() ;;
  test) packages=("${test_packages[@]}") commands=("${test_commands[@]}") ;;
  compare) packages=("${compare_packages[@]}") commands=() ;;
  package) packages=("${package_packages[@]}") commands=() ;;
  profile) packages=("${profile_packages[@]}") commands=() ;;
  *) echo "usage: $0 build|test|compare|package|profile" >&2; exit 2 ;;
esac

missing=()
if command -v dpkg-query >/dev/null; then
  installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "${packages[@]}" 2>/dev/null || true)"
  for package in "${packages[@]}"; do
    [[ $installed == *" installed=$package "* ]] || missing+=("$package")
  done
else
  echo "$0: this is not Debian; provide what these packages have: ${packages[*]} ${commands[*]}" >&2
fi
for name in "${commands[@]}"; do
  command -v "$name" >/dev/null || missing+=("$name")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "$0: cannot install without apt-get: ${missing[*]}" >&2
  exit 1
fi
run=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "$0: needs root to install: ${missing[*]}" >&2
    exit 1
  }
  run=(sudo)
fi
log=$(mktemp)
passing=("$log")
trap '"${run[@]}" rm -f "${passing[@]}"' EXIT
# Servers are installed to be started by tests, on ports of their own, and must not start by
# themselves: neither now (what a policy that says 101 forbids) nor at boot (below). For PostgreSQL
# no database is made that would be started at boot.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  passing+=("$policy")
  printf '#!/bin/sh\nexit 101\n' | "${run[@]}" tee "$policy" >/dev/null
  "${run[@]}" chmod 755 "$policy"
fi
no_cluster=/etc/postgresql-common/createcluster.d/warren.conf
if [[ " ${missing[*]} " == *" postgresql "* && ! -e $no_cluster ]]; then
  passing+=("$no_cluster")
  "${run[@]}" mkdir -p "${no_cluster%/*}"
  echo "create_main_cluster = false" | "${run[@]}" tee "$no_cluster" >/dev/null
fi
echo "installing ${missing[*]}"
# A list that can't be refreshed may still do; the installation decides.
"${run[@]}" apt-get update -q >"$log" 2>&1 || tail -n 3 "$log" >&2
if ! "${run[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -qy --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  echo "$0: could not install: ${missing[*]}" >&2
  exit 1
fi
for service in rabbitmq-server nats-server prometheus; do
  if [[ " ${missing[*]} " == *" $service "* ]] && command -v systemctl >/dev/null; then
    "${run[@]}" systemctl --quiet disable "$service"
  fi
done
