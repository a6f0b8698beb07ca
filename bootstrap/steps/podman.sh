# Step podman: two Podman services that answer Docker's API, root's and that of an ordinary user, for the tests.
# Nothing of Podman is needed where Docker is there: `make tune` does not come here. docs/podman.md tells more.
# shellcheck shell=bash

# shellcheck source=bootstrap/podman.sh
. bootstrap/podman.sh

PODMAN_LOGS=/var/log
PODMAN_DEADLINE_SECONDS=30

step_podman() {
  local missing=() program
  for program in podman netavark:/usr/lib/podman/netavark aardvark-dns:/usr/lib/podman/aardvark-dns slirp4netns \
    uidmap:newuidmap; do
    command -v "${program#*:}" >/dev/null || [ -e "/usr/libexec/podman/${program%%:*}" ] || missing+=("${program%%:*}")
  done
  [ "${#missing[@]}" -eq 0 ] || install_packages "Podman" "${missing[@]}"
  [ "$(id -u)" -eq 0 ] || fail "the tests on Podman need root: they run it as root and as a user made for that." \
    "Your own Podman is tried with: DOCKER_HOST=unix://\$XDG_RUNTIME_DIR/podman/podman.sock .venv/bin/pytest -m every_engine"
  prepare_devices
  prepare_firewall
  prepare_user
  write_podman_settings
  start_podman "$PODMAN_SOCKET" root "$PODMAN_LOGS/algodock-podman.log" env "CONTAINERS_CONF=$PODMAN_SETTINGS/containers.conf"
  start_podman "$(rootless_socket)" "$PODMAN_USER" "$PODMAN_LOGS/algodock-podman-rootless.log" as_podman_user
  say "Podman: $(podman version --format '{{.Server.Version}}') answers at $PODMAN_SOCKET and $(rootless_socket)"
}

# What udev does where it runs: both are of use to a user without root, and harmless.
prepare_devices() {
  local device
  for device in /dev/net/tun /dev/fuse; do
    [ ! -c "$device" ] || [ "$(stat -c %a "$device")" = 666 ] || chmod 666 "$device"
  done
}

# Docker's firewall drops what it did not ask for, also between containers of one internal network of Podman.
prepare_firewall() {
  local rule=(DOCKER-USER -i podman+ -o podman+ -m physdev --physdev-is-bridged -j ACCEPT)
  iptables -S DOCKER-USER >/dev/null 2>&1 || return 0
  iptables -C "${rule[@]}" 2>/dev/null || iptables -I "${rule[@]}"
}

prepare_user() {
  id "$PODMAN_USER" >/dev/null 2>&1 || {
    say "making the user $PODMAN_USER, who runs Podman without root in tests"
    useradd --create-home --shell /bin/sh "$PODMAN_USER"
  }
  grep -q "^$PODMAN_USER:" /etc/subuid || fail "the user $PODMAN_USER has no subordinate ids, which rootless Podman needs." \
    "Run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $PODMAN_USER"
  install -d -m 700 -o "$PODMAN_USER" "$(rootless_runtime)"
}

# A sandbox may lack the right to raise limits, which Podman does by default; and crun does not start containers where
# both versions of cgroups are mounted.
write_podman_settings() {
  local open processes runtime=
  open=$(ulimit -Hn)
  processes=$(ulimit -Hu)
  [ "$open" != unlimited ] && [ "$open" -le 1048576 ] || open=1048576
  [ "$processes" != unlimited ] && [ "$processes" -le 32768 ] || processes=32768
  [ ! -d /sys/fs/cgroup/unified ] || runtime='runtime = "runc"'
  install -d -m 755 "$PODMAN_SETTINGS"
  printf '%s\n' "[containers]" "default_ulimits = [\"nofile=$open:$open\", \"nproc=$processes:$processes\"]" \
    "[engine]" "$runtime" >"$PODMAN_SETTINGS/containers.conf"
  # Without root there may be no other limit for a fork bomb.
  sed 's/nproc=[0-9:]*/nproc=1024:1024/' "$PODMAN_SETTINGS/containers.conf" >"$PODMAN_SETTINGS/rootless-containers.conf"
  printf '%s\n' "[storage]" 'driver = "overlay"' "runroot = \"$(rootless_runtime)/containers\"" \
    "graphroot = \"$(rootless_home)/.local/share/containers/storage\"" >"$PODMAN_SETTINGS/rootless-storage.conf"
}

podman_answers() { curl --silent --fail --max-time 10 --output /dev/null --unix-socket "$1" http://podman/_ping; }

# start_podman SOCKET WHOSE LOG PREFIX...: the prefix runs a command as that user.
start_podman() {
  local socket=$1 whose=$2 log=$3 deadline=$((SECONDS + PODMAN_DEADLINE_SECONDS))
  shift 3
  if podman_answers "$socket"; then return 0; fi
  say "starting the Podman service of $whose (its log: $log)"
  install -d -o "$whose" "$(dirname "$socket")"
  # Of its own session, or it would end with ours. Descriptor 9 is the set-up's lock.
  (
    cd "$PODMAN_SETTINGS" || exit 1 # conmon 2.1 leaves a file "oom" in the folder that it was started in
    "$@" setsid nohup podman system service --time=0 "unix://$socket" >"$log" 2>&1 </dev/null 9>&- &
  )
  until podman_answers "$socket"; do
    [ "$SECONDS" -lt "$deadline" ] || {
      tail -n 20 "$log" >&2
      fail "the Podman service of $whose does not answer at $socket" "Above are the last lines of $log."
    }
    sleep 0.2
  done
}
