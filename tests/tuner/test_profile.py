"""The host profile: where its values come from, and what is wrong with bad ones."""

from pathlib import Path

import pytest

from tuner.profile import HostProfile, IsolationItem, ProfileError, load_profile, parse_bytes


def test_without_anything_the_home_is_in_the_users_home(tmp_path: Path) -> None:
    """A first run needs no configuration."""
    profile = load_profile({"HOME": "/home/ada"}, tmp_path)

    assert Path("/home/ada/.algodock") == profile.home
    assert profile.gpus is None


def test_the_file_in_the_working_folder_is_read(tmp_path: Path) -> None:
    """A team keeps its settings beside its job files; a relative home is relative to the file."""
    (tmp_path / "algodock.toml").write_text('home = "runs"\ngpus = ["0", "1"]\nmemory = "8g"\ncpus = 1.5\n')

    profile = load_profile({"HOME": "/home/ada"}, tmp_path)

    assert tmp_path / "runs" == profile.home
    assert ("0", "1") == profile.gpus
    assert 8 * 1024**3 == profile.memory_bytes
    assert profile.cpus == 1.5


def test_environment_wins_over_the_file_and_options_over_both(tmp_path: Path) -> None:
    """The nearer a setting is to the command, the more it counts."""
    (tmp_path / "algodock.toml").write_text('home = "/from/file"\ngpus = "all"\n')
    environment = {"HOME": "/root", "ALGODOCK_HOME": "/from/env", "ALGODOCK_GPUS": "GPU-a, GPU-b"}

    assert Path("/from/env") == load_profile(environment, tmp_path).home
    assert ("GPU-a", "GPU-b") == load_profile(environment, tmp_path).gpus
    assert Path("/opt/x") == load_profile(environment, tmp_path, {"home": Path("/opt/x"), "cpus": None}).home


def test_no_gpus_at_all_can_be_said(tmp_path: Path) -> None:
    """An empty list is not the same as the default."""
    assert load_profile({"HOME": "/root", "ALGODOCK_GPUS": ""}, tmp_path).gpus == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hom = 1", "'hom' is not a setting"),
        ("cpus = 0", "not a number above 0"),
        ("cpus = true", "not a number above 0"),
        ("gpus_per_training_job = -1", "not a whole number"),
        ("jobs_per_gpu = 0", "not a whole number of at least 1"),
        ("free_gpu_memory = 90", "not a share between 0 and 1"),
        ('memory = "lots"', "not a size"),
        ('free_disk = "10 %"', "not a size"),
        ("gpus = 3", "neither a list"),
        ("cpus = ", "Invalid value"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    """A typing error must not silently mean the default."""
    (tmp_path / "algodock.toml").write_text(text)

    with pytest.raises(ProfileError, match=complaint) as error:
        load_profile({"HOME": "/root"}, tmp_path)

    assert str(tmp_path / "algodock.toml") in str(error.value)


@pytest.mark.parametrize(("text", "size"), [("512m", 512 * 2**20), ("1.5 GiB", 3 * 2**29), ("7", 7), ("64KB", 65536)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    """The forms that Docker and Linux tools use."""
    assert size == parse_bytes(text)


@pytest.mark.parametrize(
    ("said", "disk", "wanted"),
    [(None, 20 * 2**30, 2**30), (None, 2**40, 5 * 2**30), (0, 2**40, 0), (7, 2**40, 7)],
)
def test_so_much_of_a_disk_is_to_be_free(said: int | None, disk: int, wanted: int) -> None:
    """A small part, and of a large disk not even that; the profile's word stands."""
    assert wanted == HostProfile(home=Path("/"), free_disk_bytes=said).wanted_free_disk(disk)


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    """docs/host-profile.md shows every setting, and each as it is."""
    page = (Path(__file__).parents[2] / "docs" / "host-profile.md").read_text(encoding="utf-8")
    (tmp_path / "algodock.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    profile = load_profile({"HOME": "/root"}, tmp_path)

    assert (
        HostProfile(
            home=tmp_path / "runs",
            isolation_off=frozenset({IsolationItem.METADATA}),
            docker_host="unix:///var/run/docker.sock",
            gpus=("GPU-5a4f", "GPU-91c2"),
            gpus_per_training_job=1,
            jobs_per_gpu=2,
            free_gpu_memory=0.9,
            cpus=2.0,
            memory_bytes=8 * 2**30,
            shm_bytes=2 * 2**30,
            free_disk_bytes=20 * 2**30,
        )
        == profile
    )
