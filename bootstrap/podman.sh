# Where the Podman services of the tests are, and who runs the rootless one. Sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those who source this

PODMAN_SOCKET=/run/podman/podman.sock
PODMAN_USER=algodock-podman
PODMAN_SETTINGS=/run/algodock-podman

rootless_runtime() { printf '/run/user/%s' "$(id -u "$PODMAN_USER")"; }
rootless_home() { getent passwd "$PODMAN_USER" | cut -d : -f 6; }
rootless_socket() { printf '%s/podman/podman.sock' "$(rootless_runtime)"; }

# as_podman_user COMMAND...: with nothing of root's, not even its environment but for the variables named here.
as_podman_user() {
  setpriv --reuid="$PODMAN_USER" --regid="$PODMAN_USER" --init-groups --inh-caps=-all --reset-env env \
    XDG_RUNTIME_DIR="$(rootless_runtime)" CONTAINERS_CONF="$PODMAN_SETTINGS/rootless-containers.conf" \
    CONTAINERS_STORAGE_CONF="$PODMAN_SETTINGS/rootless-storage.conf" ${CI:+CI="$CI"} PYTHONDONTWRITEBYTECODE=1 \
    DOCKER_HOST="unix://$(rootless_socket)" "$@"
}
