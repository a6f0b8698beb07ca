"""What is mounted for a host of several that share a channel."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.channels import Channel, Shard, SourceType
from contracts.paths import OptMlLayout
from tuner.errors import ChannelError
from tuner.jobs.channel_staging import MAX_FILE_MOUNTS, stage_channel


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A folder of five files, one of them deeper."""
    folder = tmp_path / "letters"
    (folder / "deep").mkdir(parents=True)
    for key in ("a", "b", "c", "deep/d", "e"):
        (folder / key).write_text(key)
    return folder


def mounted(tmp_path: Path, uri: Path, shard: Shard, **members: Any) -> dict[str, str]:
    """What one host sees in the channel's folder, by its path there."""
    layout = OptMlLayout(tmp_path / f"host {shard.index}")
    layout.data.mkdir(parents=True)
    mounts = stage_channel(Channel(name="train", uri=f"file://{uri}", **members), layout, shard)
    assert layout.channel("train").is_dir()
    return {str(Path(one.target).relative_to("/opt/ml/input/data/train")): str(one.source) for one in mounts}


SHARED: dict[str, Any] = {"distribution": "ShardedByS3Key"}


def test_each_host_has_its_share_of_the_files(tmp_path: Path, letters: Path) -> None:
    """Round robin over the sorted paths."""
    found = [sorted(mounted(tmp_path, letters, Shard(index, 2), **SHARED)) for index in range(2)]

    assert [["a", "c", "e"], ["b", "deep/d"]] == found


def test_each_host_has_its_share_of_a_manifest(tmp_path: Path, letters: Path) -> None:
    """In the order of its keys."""
    (tmp_path / "m").write_text(json.dumps([{"prefix": f"file://{letters}/"}, "e", "a", "c"]))
    members = {**SHARED, "source_type": SourceType.MANIFEST}
    found = [sorted(mounted(tmp_path, tmp_path / "m", Shard(index, 2), **members)) for index in range(2)]

    assert [["c", "e"], ["a"]] == found


def test_a_host_without_a_share_has_an_empty_folder(tmp_path: Path, letters: Path) -> None:
    """The code in the container has to cope; one file is one object."""
    assert {} == mounted(tmp_path, letters / "a", Shard(1, 2), **SHARED)
    assert ["a"] == list(mounted(tmp_path, letters / "a", Shard(0, 2), **SHARED))


def test_what_is_replicated_or_for_one_host_is_mounted_as_a_whole(tmp_path: Path, letters: Path) -> None:
    """As if there were no shares."""
    assert {".": str(letters)} == mounted(tmp_path, letters, Shard(1, 2))
    assert {".": str(letters)} == mounted(tmp_path, letters, Shard(0, 1), **SHARED)


def test_a_share_of_too_many_files_says_what_to_do(tmp_path: Path) -> None:
    """The kernel has room for so many mounts only."""
    (tmp_path / "many").mkdir()
    for number in range(2 * MAX_FILE_MOUNTS + 1):
        (tmp_path / "many" / str(number)).touch()

    with pytest.raises(ChannelError, match=r"a host's share is 10,001 files.*use Pipe mode, or FullyReplicated"):
        mounted(tmp_path, tmp_path / "many", Shard(0, 2), **SHARED)
