# Words and installing, for every script of this folder. Sourced, never run.
# shellcheck shell=bash

say() { printf '[setup] %s\n' "$*"; }

# fail MESSAGE [REMEDY LINE...]: says what is wrong and what to do about it, then ends the set-up.
fail() {
  printf '[setup] FAILED: %s\n' "$1" >&2
  shift
  [ "$#" -eq 0 ] || printf '[setup]   %s\n' "$@" >&2
  exit 1
}

# Packages are installed only by root and only where apt-get is the way to do it.
may_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; }

# install_packages WHAT-FOR PACKAGE...: from the distribution, or says what to do and changes nothing.
install_packages() {
  local purpose=$1
  shift
  may_install || fail "$purpose is missing, and it is installed only as root on Debian or Ubuntu." \
    "On Debian or Ubuntu run: sudo apt-get install $*" \
    "Elsewhere install $purpose in your system's own way; then start again."
  say "installing $purpose from the distribution: $*"
  local apt=(apt-get -y -q -o DPkg::Lock::Timeout=300 -o APT::Acquire::Retries=2)
  export DEBIAN_FRONTEND=noninteractive
  local log=$SETUP_HOME/apt.log
  {
    # An interrupted installation leaves half-configured packages, and apt-get refuses to go on until they are done.
    [ -z "$(dpkg --audit)" ] || dpkg --configure -a
    "${apt[@]}" install --no-install-recommends "$@" ||
      { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; }
  } >"$log" 2>&1 </dev/null || {
    tail -n 15 "$log" >&2
    fail "apt-get could not install: $*" "The whole output is in $log. Is there a network? Try: apt-get update"
  }
}
