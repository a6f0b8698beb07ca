# Step podman-images: both Podman services of the tests have the images that the Docker engine has; a minute the first time.
# An image is the same where its id is, which both engines make of what is in it.
# shellcheck shell=bash

# shellcheck source=bootstrap/podman.sh
. bootstrap/podman.sh

step_podman_images() {
  local socket
  for socket in "$PODMAN_SOCKET" "$(rootless_socket)"; do
    "$VENV_PYTHON" bootstrap/setup_engine.py copy "unix://$socket" algodock/base:python3.11 algodock/cifar10:cpu ||
      fail "images of the Docker engine could not be copied to the Podman service at $socket." \
        "bootstrap/setup.sh engine base-image reference-image podman brings both."
  done
  say "images for Podman: both services have those of the Docker engine"
}
