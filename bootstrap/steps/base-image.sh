# Step base-image: algodock/base:python3.11, what the reference image stands on.
#
# Where an image registry can be reached it is Docker's own slim Python image. Where none can, it is made from Debian's
# packages with debootstrap; then it also trusts the certificates that this machine trusts, because where registries are
# out of reach a proxy with a certificate of its own often stands before everything else, and pip has to get through it.
# shellcheck shell=bash

BASE_IMAGE=algodock/base:python3.11
UPSTREAM_IMAGE=python:3.11-slim-bookworm
DEBIAN_SUITE=bookworm # its Python is 3.11
DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
HOST_CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

# Changes when an image that was made here has to be made again: with what decides its content, not with the rest.
base_image_fingerprint() {
  {
    printf '%s\n' "$DEBIAN_SUITE"
    declare -f fill_root trim_root trust_host_certificates
    cat "$HOST_CERTIFICATES" 2>/dev/null
  } | sha256sum | cut -d ' ' -f 1
}

step_base_image() {
  local made_from
  if made_from=$("$VENV_PYTHON" bootstrap/setup_engine.py label "$BASE_IMAGE" algodock.inputs); then
    # An image that was pulled has no such label.
    if [ -z "$made_from" ] || [ "$made_from" = "$(base_image_fingerprint)" ]; then
      say "base image: $BASE_IMAGE is there"
      return
    fi
  fi
  say "base image: asking for $UPSTREAM_IMAGE"
  if "$VENV_PYTHON" bootstrap/setup_engine.py pull "$UPSTREAM_IMAGE" "$BASE_IMAGE"; then
    return
  fi
  make_base_image
}

make_base_image() {
  [ "$(id -u)" -eq 0 ] || fail "no image registry can be reached, and making a base image without one needs root." \
    "Where there is a registry:  docker pull $UPSTREAM_IMAGE && docker save $UPSTREAM_IMAGE -o python.tar" \
    "Here:                       docker load -i python.tar && docker tag $UPSTREAM_IMAGE $BASE_IMAGE"
  command -v debootstrap >/dev/null || install_packages "debootstrap" debootstrap
  # Ubuntu does not bring Debian's keys.
  [ -e "$DEBIAN_KEYS" ] || install_packages "Debian's signing keys" debian-archive-keyring
  local root=$SETUP_TMP/root log=$SETUP_HOME/debootstrap.log mirror
  mirror=$(debian_mirror)
  say "base image: making $BASE_IMAGE from the packages of Debian $DEBIAN_SUITE at ${mirror:-the default mirror} (about a minute)"
  fill_root "$root" "$mirror" >"$log" 2>&1 || {
    tail -n 15 "$log" "$root/debootstrap/debootstrap.log" >&2
    fail "debootstrap could not make a Debian $DEBIAN_SUITE." "The whole output is in $log. Can ${mirror:-the default mirror} be reached?"
  }
  trim_root "$root"
  trust_host_certificates "$root"
  # dev, proc and sys are the engine's to provide.
  tar -C "$root" --numeric-owner --one-file-system --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
    "$VENV_PYTHON" bootstrap/setup_engine.py import "$BASE_IMAGE" "algodock.inputs=$(base_image_fingerprint)"
}

# Descriptor 9 is the set-up's lock, which nothing that is started here should keep.
fill_root() {
  debootstrap --variant=minbase --keyring="$DEBIAN_KEYS" --include=python3,python3-pip,ca-certificates \
    "$DEBIAN_SUITE" "$1" ${2:+"$2"} 9>&-
}

# The mirror that this machine's own apt uses, where it is a Debian; else nothing, and debootstrap takes its own.
debian_mirror() {
  local mirror
  # shellcheck disable=SC2016 # apt-get fills in the $(...) itself
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -v -e security -e file: | head -n 1) || true
  printf '%s\n' "$mirror"
}

# What no container reads, and what keeps it from coming back with the next package.
trim_root() {
  local root=$1
  cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'EXCLUDES'
path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
path-include /usr/share/doc/*/copyright
EXCLUDES
  find "$root/usr/share/doc" -mindepth 1 -not -name copyright -not -type d -delete
  find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
  rm -rf "$root"/debootstrap "$root"/usr/share/{info,locale,man}/* "$root"/var/log/* \
    "$root"/var/cache/apt/* "$root"/var/cache/debconf/*-old "$root"/var/lib/apt/lists/*
  # In an image the distribution's Python is nobody else's: pip may install into it, as in Docker's Python images.
  rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
}

trust_host_certificates() {
  local root=$1
  [ -r "$HOST_CERTIFICATES" ] || return 0
  cp "$HOST_CERTIFICATES" "$root$HOST_CERTIFICATES"
  # update-ca-certificates, which a later package may start, writes that file anew out of these.
  cp "$HOST_CERTIFICATES" "$root/usr/local/share/ca-certificates/host.crt"
}
