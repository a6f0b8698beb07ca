#!/usr/bin/env bash
# Runs a command on one of the Podman services that the step `podman` of setup.sh has started.
#
#   bootstrap/on-podman.sh rootful|rootless COMMAND...     for instance: .venv/bin/pytest -m every_engine
#
# The rootless one is that of a user made for it, as whom the command runs then: a container's root is that user.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
# shellcheck source=bootstrap/say.sh
. bootstrap/say.sh
# shellcheck source=bootstrap/podman.sh
. bootstrap/podman.sh

# open_way PATH: lets that user look into the folders above PATH, in this mount namespace only: root's home is closed to
# others, and a checkout or a Python may be in there.
open_way() {
  local folder=/ part parts layer
  IFS=/ read -ra parts <<<"$(dirname "$1")"
  for part in "${parts[@]}"; do
    folder=${folder%/}/$part
    as_podman_user test -x "$folder" && continue
    layer=$(mktemp --directory "$PODMAN_SETTINGS/way/XXXXXX")
    mkdir "$layer/upper" "$layer/work"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" "$folder"
    chmod o+x "$folder"
  done
}

case ${1:-} in
  rootful)
    shift
    export DOCKER_HOST=unix://$PODMAN_SOCKET
    exec "$@"
    ;;
  rootless)
    if [ "${ALGODOCK_WAY_OPEN:-}" != "$$" ]; then
      ALGODOCK_WAY_OPEN=$$ exec unshare --mount bootstrap/on-podman.sh "$@" # the process keeps its number
    fi
    mkdir -p "$PODMAN_SETTINGS/way"
    mount -t tmpfs tmpfs "$PODMAN_SETTINGS/way" # all of it is gone with this namespace
    open_way "$PWD/pyproject.toml"
    open_way "$(readlink -f .venv/bin/python)"
    cd "$PWD" # what was opened lies above what this process had before
    shift
    as_podman_user "$@"
    ;;
  *) fail "usage: $0 rootful|rootless COMMAND..." ;;
esac
