# Step reference-image: algodock/cifar10:cpu, built from Dockerfile.gpu when something that goes into it has changed.
# shellcheck shell=bash

step_reference_image() {
  "$VENV_PYTHON" bootstrap/reference_image.py algodock/cifar10:cpu \
    --build-arg BASE_IMAGE=algodock/base:python3.11 --build-arg MXNET_PACKAGE=mxnet==1.9.1 ||
    fail "the reference image could not be built." "Above is what the engine said; docs/setup.md tells what a build needs."
}
