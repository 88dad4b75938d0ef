# Sourced by the scripts beside it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bin=$root/build/release/bin
python=/usr/bin/python3  # the system's, which has the packages that scripts/setup installs

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Reads ninja's output, lets through one line of progress every ten seconds and everything that is not progress.
progress() {
  local line last=$SECONDS
  while IFS= read -r line; do
    if [[ $line != \[*/*\]* ]]; then
      printf '  %s\n' "$line"
    elif ((SECONDS - last >= 10)); then
      printf '  %s\n' "${line:0:110}"
      last=$SECONDS
    fi
  done
}

# build PRESET [TARGET…]
build() {
  local preset=$1
  shift
  local log
  mkdir -p build
  log=build/configure-$preset.log
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; die "cmake --preset $preset failed"; }
  cmake --build --preset "$preset" ${1:+--target "$@"} 2>&1 | progress || die "the $preset build failed"
}
