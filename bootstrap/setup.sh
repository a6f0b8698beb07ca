#!/usr/bin/env bash
# Prepares a machine for Algodock, step by step; `make setup` runs all that `make tune` needs.
#
#   bootstrap/setup.sh STEP...      steps: venv engine base-image cifar10 reference-image test-tools podman podman-images
#
# Each step looks first, does only what is missing, and can be interrupted at any time: whatever takes long happens in
# .setup/tmp and is moved into place when it is complete. Where it may not install (not root, not Debian or Ubuntu) it
# says what to do and changes nothing. docs/setup.md describes every step.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SETUP_HOME=$PWD/.setup # logs, stamps, the lock and unfinished work; safe to delete
SETUP_TMP=$SETUP_HOME/tmp
VENV_PYTHON=$PWD/.venv/bin/python # the virtual environment's
export SETUP_HOME SETUP_TMP VENV_PYTHON

# shellcheck source=bootstrap/say.sh
. bootstrap/say.sh
STEPS="venv engine base-image cifar10 reference-image test-tools podman podman-images"
for step in $STEPS; do
  # shellcheck source=/dev/null
  . "bootstrap/steps/$step.sh"
done

# A killed debootstrap can leave /proc mounted in its unfinished tree: never delete through a mount.
clear_unfinished_work() {
  local mounted
  while read -r _ mounted _; do
    case $mounted in "$SETUP_TMP"/*) umount -l "$mounted" ;; esac
  done </proc/mounts
  rm -rf --one-file-system "$SETUP_TMP"
}

main() {
  local step
  mkdir -p "$SETUP_HOME"
  exec 9>"$SETUP_HOME/lock" # two set-ups at once (two terminals) take turns
  flock -n 9 || { say "another set-up is at work here; waiting for it" && flock 9; }
  clear_unfinished_work
  trap clear_unfinished_work EXIT
  trap 'say "interrupted; start it again to go on"; exit 130' INT TERM
  for step in "$@"; do
    mkdir -p "$SETUP_TMP"
    case " $STEPS " in
      *" $step "*) "step_${step//-/_}" ;;
      *) fail "there is no step called '$step'" "The steps: $STEPS" ;;
    esac
  done
  say "ready after ${SECONDS} s"
}

main "$@"
