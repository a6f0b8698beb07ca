"""What an engine's refusals mean, and what to do about them. Pure."""

import re

from tuner.errors import EngineFailed, EngineRejected, GpuUnavailable, ImageNotFound

_GPU_REFUSALS = re.compile(
    r"could not select device driver|running (\w+ )?hook|nvidia-container-(cli|runtime)|CDI device"
)
_GPU_REMEDY = (
    "Install the NVIDIA driver and the NVIDIA Container Toolkit, run `nvidia-ctk runtime configure --runtime=docker`, "
    "restart the engine, and check the GPU ids with `nvidia-smi -L`; or run without GPUs."
)
#: In the words of runc, and of crun.
_ENTRY_POINT_REFUSALS = (
    re.compile(r'exec: \\?"(?P<program>.*?)\\?": (?P<reason>.*?)(?:: unknown)?$', re.DOTALL),
    re.compile(r"executable file `(?P<program>.*?)` (?P<reason>not found in \$PATH)"),
)
#: Somebody removes it at this moment: its end is a loss, and no fault of the request, whatever the status says.
_BEING_REMOVED = "marked for removal"
#: Refusals that come of the image, whatever the engine's status says of them.
_OF_THE_IMAGE = re.compile(r"exec format error|open executable|unable to find user|no matching entries in|chdir to cwd")


def no_image(reference: str) -> ImageNotFound:
    """The engine does not have `reference`."""
    return ImageNotFound(f"The engine has no image {reference}.")


def pull_refusal(reference: str, reason: str) -> EngineRejected:
    """Why `reference` could not be pulled, from the engine's own `reason`."""
    if "no space left on device" in reason:
        return EngineRejected(f"pull {reference}: {reason}. Make room, for instance with `docker system prune`.")
    return ImageNotFound(f"no registry gave the image {reference}: {reason}")


def start_refusal(reason: str, *, is_failure: bool) -> EngineRejected:
    """Why a container could not be started, from the engine's own `reason`, and what to do about it.

    `is_failure`: the engine says that it is its own trouble, by a status of 500 or more.
    """
    if _GPU_REFUSALS.search(reason):
        return GpuUnavailable(f"The engine cannot hand out the GPUs: {reason}. {_GPU_REMEDY}")
    if _BEING_REMOVED in reason:
        return EngineFailed(f"The container could not be started: {reason}")
    program = next(filter(None, (words.search(reason) for words in _ENTRY_POINT_REFUSALS)), None)
    if program is None:
        kind = EngineFailed if is_failure and not _OF_THE_IMAGE.search(reason) else EngineRejected
        return kind(f"The container could not be started: {reason}")
    return EngineRejected(
        f'The image\'s entry point "{program["program"]}" cannot be run: {program["reason"]}. '
        "An image without an ENTRYPOINT needs an executable of that name on its PATH."
    )
