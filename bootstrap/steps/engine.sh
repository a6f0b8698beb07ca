# Step engine: a Docker engine that answers. The one there is (DOCKER_HOST, else the default socket, as for the tuner),
# else the distribution's own.
# shellcheck shell=bash

ENGINE_LOG=/var/log/algodock-dockerd.log
ENGINE_DEADLINE_SECONDS=60

engine_answers() { "$VENV_PYTHON" bootstrap/setup_engine.py version; }

step_engine() {
  local answer
  if answer=$(engine_answers 2>&1); then
    say "Docker engine: $answer"
    return
  fi
  if [ -n "${DOCKER_HOST:-}" ]; then
    fail "the engine that DOCKER_HOST names does not answer: $answer" "Start it, or unset DOCKER_HOST."
  fi
  if [ -S /var/run/docker.sock ] && [ "$(id -u)" -ne 0 ] && [ ! -w /var/run/docker.sock ]; then
    fail "this user may not use the Docker engine: $answer" \
      "Run: sudo usermod -aG docker $(id -un)   then log in again." \
      "(Members of that group can do anything on the machine: see docs.docker.com/engine/security.)"
  fi
  may_install || fail "no Docker engine answers, and one is installed only as root on Debian or Ubuntu. ($answer)" \
    "If Docker is installed, start it:   sudo systemctl start docker" \
    "If not, on Debian or Ubuntu:        sudo apt-get install docker.io && sudo usermod -aG docker $(id -un)" \
    "One that your docker command reaches through a context (Docker Desktop, rootless):" \
    "    export DOCKER_HOST=\$(docker context inspect --format '{{.Endpoints.docker.Host}}')"
  if ! command -v dockerd >/dev/null; then
    # docker.io only recommends the last two; where the kernel uses AppArmor, no container starts without its parser.
    install_packages "the Docker engine" docker.io iptables ca-certificates apparmor
  fi
  start_engine
  answer=$(engine_answers 2>&1) || engine_failed "$answer"
  say "Docker engine: $answer"
}

# process_runs FILE NAME: whether the process whose number FILE holds is alive and called NAME.
process_runs() {
  local number
  number=$(cat "$1" 2>/dev/null) && [ "$(cat "/proc/$number/comm" 2>/dev/null)" = "$2" ] &&
    ! grep -q '^State:[[:space:]]*Z' "/proc/$number/status" 2>/dev/null
}

# A killed engine leaves its numbers behind. Where something else has such a number by now, or nobody has reaped the dead
# process, a new engine would take it for the old one and not start.
forget_dead_engine() {
  process_runs /var/run/docker.pid dockerd || rm -f /var/run/docker.pid
  process_runs /var/run/docker/containerd/containerd.pid containerd || rm -f /var/run/docker/containerd/containerd.pid
}

start_engine() {
  local daemon=1 deadline=$((SECONDS + ENGINE_DEADLINE_SECONDS)) # 1: somebody else's, and always there
  if [ -d /run/systemd/system ]; then
    say "starting the Docker engine with systemd"
    systemctl start docker || fail "systemd could not start Docker." "See: systemctl status docker; journalctl -u docker"
  elif process_runs /var/run/docker.pid dockerd; then
    say "the Docker engine is starting" # its package's own start script did it
  else
    say "starting the Docker engine by hand, as there is no systemd (its log: $ENGINE_LOG)"
    forget_dead_engine
    # Descriptor 9 is the set-up's lock: a daemon that inherited it would hold it for ever.
    setsid nohup dockerd >"$ENGINE_LOG" 2>&1 </dev/null 9>&- &
    daemon=$!
  fi
  until engine_answers >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || engine_failed "it ended at once"
    [ "$SECONDS" -lt "$deadline" ] || engine_failed "no answer within $ENGINE_DEADLINE_SECONDS s"
    sleep 0.3
  done
  [ "$daemon" = 1 ] || keep_bridge_address
}

# Without an address of its own the engine's bridge takes that of its lowest port, and so a new one whenever a container
# comes or goes: what is on its way to other containers is lost for seconds. Where systemd runs, udev gives it one.
keep_bridge_address() {
  local bridge=/sys/class/net/docker0
  [ -e "$bridge" ] && [ "$(cat "$bridge/addr_assign_type")" != 3 ] || return 0
  command -v ip >/dev/null || install_packages "the tool that gives the bridge its address" iproute2
  ip link set docker0 address "02:42$(od -An -N4 -tx1 /dev/urandom | tr ' ' ':')"
}

engine_failed() {
  [ ! -r "$ENGINE_LOG" ] || tail -n 20 "$ENGINE_LOG" >&2
  fail "the Docker engine was started and does not answer: $1" \
    "Above are the last lines of $ENGINE_LOG, where it was started by hand; else see: journalctl -u docker"
}
