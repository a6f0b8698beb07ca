#!/usr/bin/env bash
# A private Docker engine that accepts GPU requests on a machine without a GPU, for tests of who is given which GPU.
#
#   bootstrap/gpu-hook-engine.sh start DIR [OWNER_PID]   prints the address for DOCKER_HOST: unix://DIR/docker.sock
#   bootstrap/gpu-hook-engine.sh stop DIR                ends the engine and its containers, deletes DIR
#
# An engine that finds an executable nvidia-container-runtime-hook when it starts accepts device requests, and sets
# NVIDIA_VISIBLE_DEVICES in the container to exactly the ids asked for; the hook itself is started beside every such
# container with its state on standard input. Here it is a script that reads that and does nothing. So this proves
# which ids each container was given; it does not prove that a GPU works.
#
# The engine shares nothing with the machine's own: its socket, images, state and process id are below DIR, and it has
# a network namespace of its own, from which nothing outside can be reached. (In the machine's namespace it would take
# away the bridge docker0 from the machine's own engine.) DIR is made, or is empty; keep its path short, as a socket's
# path has at most 107 characters. The engine ends by itself, and DIR with it, when the
# process OWNER_PID ends, even by SIGKILL; by default that is the process that called this script.
#
# Exit code 0: started or stopped. 2: it cannot run here (not root, or no dockerd), with the reason. 1: it failed.
set -euo pipefail

DEADLINE_SECONDS=60

refuse() {
  printf 'gpu-hook-engine: %s\n' "$1" >&2
  exit "${2:-2}"
}

# Both settings below DIR only, never at or above it.
delete_folder() {
  local dir=$1 mounted
  while read -r _ mounted _; do
    case $mounted in "$dir"/*) umount -l "$mounted" 2>/dev/null || true ;; esac
  done </proc/mounts
  rm -rf --one-file-system "$dir"
}

engine_runs() { [ -r "$1/pid" ] && kill -0 "$(<"$1/pid")" 2>/dev/null; }

start() {
  local dir=$1 owner=$2 deadline
  [ "$(id -u)" -eq 0 ] || refuse "only root can run a Docker engine of its own"
  command -v dockerd >/dev/null || refuse "there is no dockerd here (Debian, Ubuntu: apt-get install docker.io)"
  [ "${#dir}" -le 90 ] || refuse "the path is too long for a socket: $dir"
  if [ -e "$dir" ] && [ -n "$(ls -A "$dir")" ]; then
    refuse "$dir is not empty; is an engine running there? Then: $0 stop $dir" 1
  fi
  mkdir -p "$dir/bin"
  printf '#!/bin/sh\nexec cat >/dev/null\n' >"$dir/bin/nvidia-container-runtime-hook"
  chmod +x "$dir/bin/nvidia-container-runtime-hook"

  # Its own containerd namespaces: on a machine with a system-wide containerd both engines would use the same.
  PATH=$dir/bin:$PATH setsid nohup unshare --net dockerd \
    --host "unix://$dir/docker.sock" --data-root "$dir/images" --exec-root "$dir/state" --pidfile "$dir/pid" \
    --containerd-namespace algodock-gpu-hook --containerd-plugins-namespace algodock-gpu-hook-plugins \
    --iptables=false --ip6tables=false --ip-masq=false \
    >"$dir/log" 2>&1 </dev/null &
  local engine=$!
  setsid nohup "$0" watch "$dir" "$owner" >/dev/null 2>&1 </dev/null &

  deadline=$((SECONDS + DEADLINE_SECONDS))
  until [ -S "$dir/docker.sock" ] && grep -q 'API listen on' "$dir/log"; do
    if ! kill -0 "$engine" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$dir/log" >&2
      kill "$engine" 2>/dev/null || true
      delete_folder "$dir"
      refuse "the engine did not start; above is the end of its log" 1
    fi
    sleep 0.1
  done
  printf 'unix://%s/docker.sock\n' "$dir"
}

# Runs beside the engine until it or its owner has ended.
watch() {
  local dir=$1 owner=$2
  while kill -0 "$owner" 2>/dev/null; do
    sleep 1
    [ -d "$dir" ] || return 0
  done
  stop "$dir"
}

stop() {
  local dir=$1 deadline=$((SECONDS + DEADLINE_SECONDS))
  [ -e "$dir" ] || return 0
  [ -e "$dir/bin/nvidia-container-runtime-hook" ] || refuse "$dir is not the folder of such an engine" 1
  if engine_runs "$dir"; then
    local engine
    engine=$(<"$dir/pid")
    kill -TERM "$engine"
    while kill -0 "$engine" 2>/dev/null; do
      [ "$SECONDS" -lt "$deadline" ] || {
        kill -KILL "$engine"
        break
      }
      sleep 0.1
    done
  fi
  delete_folder "$dir"
}

case "${1:-} $#" in
  "start 2" | "start 3") start "$(realpath -m "$2")" "${3:-$PPID}" ;;
  "watch 3") watch "$2" "$3" ;;
  "stop 2") stop "$(realpath -m "$2")" ;;
  *) refuse "usage: $0 start DIR [OWNER_PID] | stop DIR" 1 ;;
esac
