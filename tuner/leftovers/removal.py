"""Removes what was left: once more after a look, and with the rights of a container where ours do not suffice."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tuner.channels.fetching import free
from tuner.engine.protocol import HOME_LABEL, ContainerSpec, ContainerStatus, Engine, Mount
from tuner.errors import EngineError, TunerError
from tuner.jobs.left_files import remove_tree
from tuner.leftovers.leftover import Leftover, LeftoverKind
from tuner.store.lock import hold

#: Where the container that removes files sees them.
_INSIDE = "/left"
#: Removes what is in a folder, hidden names included; a pattern that nothing matches is no error to ``rm -f``.
_EMPTY = f"rm -rf {_INSIDE}/* {_INSIDE}/.[!.]* {_INSIDE}/..?*"


class NotRemoved(TunerError):
    """Something that was left could not be removed; the text says why."""


class Remover:
    """Removes leftovers of `home`. Files that we may not remove are removed by a container of one of `images`.

    `wait` is called while that container runs.
    """

    def __init__(self, engine: Engine, home: Path, images: Sequence[str], wait: Callable[[], None]) -> None:
        self._engine = engine
        self._home = home
        self._images = images
        self._wait = wait

    def remove(self, leftover: Leftover) -> bool:
        """Remove it; False where somebody has come to need it meanwhile. Raises NotRemoved.

        What is gone already is no error.
        """
        with ExitStack() as stack:
            if leftover.lock is not None and not stack.enter_context(hold(leftover.lock)):
                return False
            try:
                self._remove(leftover)
            except (TunerError, OSError) as error:
                raise NotRemoved(f"{leftover.name}: {error}") from error
        return True

    def _remove(self, leftover: Leftover) -> None:
        match leftover.kind:
            case LeftoverKind.CONTAINER:
                self._engine.remove(leftover.identity)
            case LeftoverKind.NETWORK:
                self._engine.remove_network(leftover.identity)
            case LeftoverKind.FILE:
                leftover.path.unlink(missing_ok=True)
            case LeftoverKind.CACHE:
                free(leftover.path, ())
            case LeftoverKind.FOLDER if not leftover.spared:
                self._remove_folder(leftover.path, leftover.image)
            case LeftoverKind.FOLDER:
                for child in sorted(leftover.path.iterdir()):
                    if child.name not in leftover.spared:
                        self._remove_child(child, leftover.image)

    def _remove_child(self, path: Path, image: str | None) -> None:
        if path.is_dir() and not path.is_symlink():
            self._remove_folder(path, image)
        else:
            path.unlink(missing_ok=True)

    def _remove_folder(self, folder: Path, image: str | None) -> None:
        try:
            remove_tree(folder)
        except PermissionError as error:
            empty_as_root(self._engine, self._home, folder, self._image(image, folder, error), self._wait)
            remove_tree(folder)

    def _image(self, own: str | None, folder: Path, error: PermissionError) -> str:
        """An image that is here and can remove files: one of ours, else that of the job whose files they are."""
        for image in (*self._images, *([] if own is None else [own])):
            try:
                self._engine.image(image)
            except EngineError:
                continue
            return image
        raise NotRemoved(f"{error.strerror}, and no image is here to do it with: `sudo rm -rf {folder}`") from error


def empty_as_root(engine: Engine, home: Path, folder: Path, image: str, wait: Callable[[], None]) -> None:
    """Remove what is in `folder` as root of a container, which sees nothing else; raises EngineError, NotRemoved.

    Containers make files as users that we are not. Who may use the engine may have them removed like this.
    """
    container = engine.create(
        ContainerSpec(
            name=f"algodock-remover-{secrets.token_hex(6)}",
            image=image,
            entry_point=("/bin/sh", "-c", _EMPTY),
            arguments=(),
            environment={},
            labels={HOME_LABEL: str(home)},
            mounts=(Mount(source=folder, target=_INSIDE),),
            user="0",
            network=False,
        )
    )
    try:
        engine.start(container)
        while (state := engine.state(container)).status is not ContainerStatus.EXITED:
            wait()
        if state.exit_code:
            raise NotRemoved(f"{image} could not remove what is in it (exit code {state.exit_code})")
    finally:
        engine.remove(container)
