"""Unpacking model archives: whole, in place, whoever made them."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.jobs.artifacts import archive as pack
from tuner.serving.errors import ModelArchiveError
from tuner.serving.model_archive import unpack

Member = tuple[tarfile.TarInfo, bytes]
Write = Callable[..., Path]


def a_file(name: str, content: bytes = b"x", mode: int = 0o600) -> Member:
    """A regular file of an archive."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    return member, content


def a_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    """A link of an archive, symbolic unless it is said."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def special(name: str, kind: bytes) -> Member:
    """A folder, device or FIFO of an archive."""
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, 0o700
    return member, b""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a ``model.tar.gz`` of the members given."""

    def write(*members: Member) -> Path:
        path = tmp_path / "model.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for member, content in members:
                tar.addfile(member, io.BytesIO(content))
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where archives are unpacked."""
    return tmp_path / "place" / "model"


def tree(folder: Path) -> list[str]:
    """Everything in a folder, by its path in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_a_training_job_left_is_there_again(tmp_path: Path, folder: Path) -> None:
    """Files, folders and links, as `tuner.jobs.artifacts` packs them."""
    made = tmp_path / "made"
    (made / "code" / "deep").mkdir(parents=True)
    (made / "code" / "deep" / "inference.py").write_text("print()")
    (made / "weights").write_bytes(bytes(range(256)) * 5000)
    (made / "best").symlink_to("weights")
    pack([made], tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", folder)

    assert tree(made) == tree(folder)
    assert (made / "weights").read_bytes() == (folder / "best").read_bytes()
    assert Path("weights") == (folder / "best").readlink()


def test_tars_own_way_to_name_members_is_understood(write: Write, folder: Path) -> None:
    """`tar -C FOLDER .` begins each name with a dot, and lists the folder itself."""
    unpack(write(special("./", tarfile.DIRTYPE), special("./a", tarfile.DIRTYPE), a_file("./a/b")), folder)

    assert ["a", "a/b"] == tree(folder)


def test_an_empty_archive_is_an_empty_model(write: Write, folder: Path) -> None:
    """The contract lets a model be empty."""
    unpack(write(), folder)

    assert [] == tree(folder)


def test_files_are_readable_by_whoever_the_image_runs_as(write: Write, folder: Path) -> None:
    """What is executable stays so; bits that change the user do not."""
    unpack(write(special("a", tarfile.DIRTYPE), a_file("a/b"), a_file("a/run", mode=0o4700)), folder)

    assert [0o755, 0o644, 0o744] == [(folder / name).stat().st_mode & 0o7777 for name in ("a", "a/b", "a/run")]


def test_a_model_is_unpacked_anew(write: Write, folder: Path) -> None:
    """What an earlier one left in the folder is gone."""
    folder.mkdir(parents=True)
    (folder / "old").touch()
    unpack(write(a_file("new")), folder)

    assert ["new"] == tree(folder)


def test_an_absolute_link_into_the_models_folder_works_on_both_sides(write: Write, folder: Path) -> None:
    """A training container made it where the folder was ``/opt/ml/model``."""
    unpack(write(a_file("a/step-3", b"three"), a_link("links/best", "/opt/ml/model/a/step-3")), folder)

    assert Path("../a/step-3") == (folder / "links" / "best").readlink()
    assert b"three" == (folder / "links" / "best").read_bytes()


def test_a_hard_link_is_the_same_file(write: Write, folder: Path) -> None:
    """`tar` writes the second name of a file so."""
    unpack(write(a_file("a", b"one"), a_link("b/c", "a", tarfile.LNKTYPE)), folder)

    assert (folder / "a").samefile(folder / "b" / "c")


def test_of_two_files_of_one_name_the_later_counts(write: Write, folder: Path) -> None:
    """As `tar --append` makes them, and every `tar` reads them."""
    unpack(write(a_file("a", b"old"), a_file("a", b"new")), folder)

    assert b"new" == (folder / "a").read_bytes()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        pytest.param([a_file("../evil")], "leads to '../evil'", id="parent"),
        pytest.param([a_file("a/../../evil")], "out of the model's folder", id="parent in the middle"),
        pytest.param([a_file("/tmp/algodock-evil")], "leads to '/tmp/algodock-evil'", id="absolute"),
        pytest.param([a_link("a", "/etc/passwd")], "'a' links to '/etc/passwd'", id="absolute link"),
        pytest.param([a_link("a", "../../evil")], "'a' links to '../../evil'", id="link to a parent"),
        pytest.param(
            [special("d", tarfile.DIRTYPE), a_link("d/up", ".."), a_link("out", "d/up/..")],
            "'out' links to 'd/up/..'",
            id="link out through another link",
        ),
        pytest.param([a_link("a", "/opt/ml/model/../../../etc")], "links to", id="absolute link that turns round"),
        pytest.param([a_link("a", ".."), a_file("a/evil")], "'a' cannot be made", id="file behind a link"),
        pytest.param([a_link("a", "../evil"), a_file("a")], "twice, once as a link", id="file in place of a link"),
        pytest.param([a_link("a", "../evil", tarfile.LNKTYPE)], "leads to '../evil'", id="hard link to a parent"),
        pytest.param([a_link("a", "/etc/passwd", tarfile.LNKTYPE)], "leads to", id="absolute hard link"),
        pytest.param([a_link("a", "b", tarfile.LNKTYPE)], "no file before it", id="hard link to nothing"),
        pytest.param([special("a", tarfile.CHRTYPE)], "neither a file nor a folder", id="device"),
        pytest.param([special("a", tarfile.FIFOTYPE)], "neither a file nor a folder", id="FIFO"),
        pytest.param([a_file("a"), a_file("a/b")], "in the archive as a file", id="file below a file"),
        pytest.param([a_file("a"), special("a/b", tarfile.DIRTYPE)], "as a file", id="folder below a file"),
        pytest.param([a_file("a/b"), a_file("a")], "as a file and as a folder", id="file in place of a folder"),
    ],
)
def test_what_leads_out_or_makes_no_sense_is_refused_and_leaves_nothing(
    write: Write, folder: Path, tmp_path: Path, *, members: list[Member], said: str
) -> None:
    """The text names the archive and the member."""
    with pytest.raises(ModelArchiveError) as caught:
        unpack(write(a_file("first"), *members), folder)

    assert said in str(caught.value)
    assert str(tmp_path / "model.tar.gz") in str(caught.value)
    assert ["model.tar.gz", "place"] == tree(tmp_path)
    assert not Path("/tmp/algodock-evil").exists()


def test_a_file_that_is_not_gzip_says_how_to_make_one(tmp_path: Path, folder: Path) -> None:
    """SageMaker refuses a plain tar archive too."""
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w") as tar:
        tar.addfile(*_for_addfile(a_file("a")))

    with pytest.raises(ModelArchiveError, match=r"not compressed with gzip.*tar -czf model\.tar\.gz"):
        unpack(path, folder)
    assert not folder.exists()


def test_an_empty_file_is_no_archive(tmp_path: Path, folder: Path) -> None:
    """What an upload that failed leaves."""
    (tmp_path / "model.tar.gz").touch()

    with pytest.raises(ModelArchiveError, match="not compressed with gzip"):
        unpack(tmp_path / "model.tar.gz", folder)


def test_gzip_without_a_tar_archive_inside_is_refused(tmp_path: Path, folder: Path) -> None:
    """A single file that somebody compressed."""
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(b"weights" * 1000))

    with pytest.raises(ModelArchiveError, match="no tar archive inside"):
        unpack(path, folder)


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused_wherever_it_breaks_off(write: Write, folder: Path, kept: float) -> None:
    """Also in the checksum at the very end; nothing of it stays."""
    path = write(*(a_file(f"file-{number}", os.urandom(3000)) for number in range(40)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])

    with pytest.raises(ModelArchiveError, match=r"damaged.*copied whole"):
        unpack(path, folder)
    assert not folder.exists()


def test_one_wrong_byte_is_noticed(write: Write, folder: Path) -> None:
    """gzip's checksum stands at the end, and is read."""
    path = write(a_file("weights", os.urandom(100_000)))
    content = bytearray(path.read_bytes())
    content[50_000] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(ModelArchiveError, match="damaged"):
        unpack(path, folder)


def _for_addfile(member: Member) -> tuple[tarfile.TarInfo, io.BytesIO]:
    return member[0], io.BytesIO(member[1])
