# Step test-tools: the programs that only the tests need.
# shellcheck shell=bash

step_test_tools() {
  local missing=()
  # A browser for the pages of the reports.
  have_program chromium chromium-browser google-chrome || missing+=(chromium)
  # The AWS command line, of which version 2 reads YAML.
  aws_cli_2 || missing+=(awscli)
  # All the programs of an image that has no Python in it.
  have_program busybox || missing+=(busybox-static)
  # What the pages show people to send requests with.
  have_program curl || missing+=(curl)
  # Playwright's own program, which drives that browser, is linked to it and does not bring it.
  "$VENV_PYTHON" -c 'import ctypes; ctypes.CDLL("libatomic.so.1")' 2>/dev/null || missing+=(libatomic1)
  if [ "${#missing[@]}" -gt 0 ]; then
    install_packages "what the tests need" "${missing[@]}"
    aws_cli_2 || fail "the distribution's AWS command line is not version 2." \
      "Install version 2 as its documentation says, so that 'aws --version' shows it."
  fi
  say "test tools: Chromium, AWS CLI 2, busybox and curl are there"
}

have_program() {
  local program
  for program in "$@"; do
    if command -v "$program" >/dev/null; then return 0; fi
  done
  return 1
}

# Asked of the package where there is one: starting the program takes a second.
aws_cli_2() {
  dpkg-query --show --showformat '${Version}' awscli 2>/dev/null | grep -q '^2\.' ||
    { command -v aws >/dev/null && aws --version 2>/dev/null | grep -q '^aws-cli/2\.'; }
}
