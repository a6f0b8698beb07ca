"""Fails to be imported like a framework for GPUs on a machine without a driver."""

raise OSError("libcuda.so.1: cannot open shared object file: No such file or directory")
