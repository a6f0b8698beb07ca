"""Which files a channel is made of, and in which order."""

import json
import os
from pathlib import Path

import pytest

from contracts.channels import Channel, SourceType
from tuner.channels.objects import list_objects
from tuner.errors import ChannelError, NotSupported


def of_prefix(path: Path) -> list[str]:
    """The keys of a channel that reads `path`."""
    return [found.key for found in list_objects(Channel(name="c", uri=f"file://{path}"))]


def manifest(path: Path, prefix: str, *keys: str) -> Channel:
    """A channel that reads a manifest, which is written to `path`."""
    path.write_text(json.dumps([{"prefix": prefix}, *keys]))
    return Channel(name="c", uri=f"file://{path}", source_type=SourceType.MANIFEST)


def write(folder: Path, *keys: str) -> None:
    """Files with their own names in them."""
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_text(key)


def test_a_folder_is_listed_as_s3_lists_a_prefix(tmp_path: Path) -> None:
    """By the bytes of the keys: capitals first, a folder's slash after a dot or a minus."""
    names = ("b/x", "b-1", "B", "a", "b.txt", "z/y/deep", "é", " spaced name", "_SUCCESS", ".hidden", "zero")
    write(tmp_path, *names)
    (tmp_path / "zero").write_bytes(b"")

    assert sorted(names, key=str.encode) == of_prefix(tmp_path)


def test_one_file_is_a_channel_of_one_object(tmp_path: Path) -> None:
    """Its key is its name."""
    write(tmp_path, "a b.csv")

    assert ["a b.csv"] == of_prefix(tmp_path / "a b.csv")


def test_thousands_of_files_are_all_there(tmp_path: Path) -> None:
    """Each once, sorted."""
    names = [f"{number % 7}/part-{number:05d}" for number in range(3000)]
    write(tmp_path, *names)

    assert sorted(names) == of_prefix(tmp_path)


def test_links_are_followed_but_not_in_a_circle_and_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    """A FIFO among the data would be waited for for ever."""
    write(tmp_path, "data/a", "elsewhere/b")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "circle").symlink_to(tmp_path / "data")
    os.mkfifo(tmp_path / "data" / "fifo")

    assert ["a", "link/b"] == of_prefix(tmp_path / "data")


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """Its data would be missed in silence."""
    write(tmp_path, "a")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")

    with pytest.raises(ChannelError, match=r"gone\.csv: No such file"):
        of_prefix(tmp_path)


def test_a_manifest_keeps_its_order_and_lays_out_relative_to_its_prefix(tmp_path: Path) -> None:
    """A key is put behind the prefix as it is, and is no address: a percent sign in it is one."""
    write(tmp_path / "d", "sub/b", "a", "50%20.csv")
    found = list_objects(manifest(tmp_path / "m", f"file://{tmp_path}/d/", "sub/b", "50%20.csv", "a"))

    assert ["sub/b", "50%20.csv", "a"] == [one.key for one in found]
    assert ["sub/b", "50%20.csv", "a"] == [one.path.read_text() for one in found]


def test_the_prefix_of_a_manifest_need_not_be_a_folder(tmp_path: Path) -> None:
    """Concatenation is literal; a relative prefix is taken from where the manifest lies."""
    write(tmp_path, "d/part-1", "d/part-2")
    found = list_objects(manifest(tmp_path / "m", "file://d/part-", "2", "1"))

    assert ["d/part-2", "d/part-1"] == [one.path.read_text() for one in found]


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "a//b", "./a", ".."])
def test_keys_that_lead_out_of_the_channel_are_refused(tmp_path: Path, key: str) -> None:
    """Nothing is ever put outside its place."""
    with pytest.raises(ChannelError, match="which is no place below its prefix"):
        list_objects(manifest(tmp_path / "m", "file:///d/", key))


def test_what_a_manifest_names_and_is_not_there_is_named(tmp_path: Path) -> None:
    """The first few by name, the rest by number; a folder is no file."""
    write(tmp_path, "a", "folder/x")
    channel = manifest(tmp_path / "m", f"file://{tmp_path}/", "a", "folder", *(f"gone-{n}" for n in range(8)))

    with pytest.raises(ChannelError) as raised:
        list_objects(channel)
    text = str(raised.value)
    assert "folder" in text
    assert "gone-3" in text
    assert "gone-4" not in text
    assert "and 4 more" in text


def test_a_manifest_of_the_web_is_not_supported(tmp_path: Path) -> None:
    """It says which address it is about."""
    with pytest.raises(NotSupported, match="https://bucket/x/"):
        list_objects(manifest(tmp_path / "m", "https://bucket/x/", "a"))


@pytest.mark.parametrize("content", [b"nonsense", b"\xff\xfe", b"{}"])
def test_what_is_no_manifest_is_told_with_its_path(tmp_path: Path, content: bytes) -> None:
    """Binary files too."""
    channel = manifest(tmp_path / "m", "")
    (tmp_path / "m").write_bytes(content)

    with pytest.raises(ChannelError, match=f"the manifest {tmp_path}/m "):
        list_objects(channel)
