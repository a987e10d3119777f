# Sourced by the scripts of this folder and by tests/run: places, pinned versions, and how work is shown.
# shellcheck shell=bash

EGOV_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# Where keys, data and logs are. A service account without a home directory has to say it.
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME
export EGOV_HOME="${EGOV_HOME:-$HOME/.local/share/egov}"
# What can be thrown away: results of builds.
EGOV_CACHE="${EGOV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/egov}"
EGOV_TOOLS="$EGOV_HOME/tools"

# Contracts are checked by exactly this buf; another version may have other rules.
BUF_VERSION=1.75.0
BUF="$EGOV_TOOLS/buf-$BUF_VERSION/node_modules/.bin/buf"

# The other programs that judge our signed containers. Their folders under tests/interop name and pin every jar.
DIGIDOC4J_JARS="$EGOV_TOOLS/digidoc4j-6.1.0"
DSS_JARS="$EGOV_TOOLS/dss-6.4"

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Runs as root: directly, or through sudo.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing packages needs root or sudo"
  fi
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Milliseconds as people read them.
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# bazel with the shared cache. The java of the distribution prints a warning for each start; it says nothing about egov.
egov_bazel() {
  local command=$1
  shift
  (cd "$EGOV_ROOT" && bazel "$command" --disk_cache="$EGOV_CACHE/bazel" "$@")
}
