"""CIFAR-10 from files to batches."""

from pathlib import Path

import numpy as np
import pytest
from cifar10_files import image_payload, made_up_images, write_binary, write_binary_channel, write_records

from container.cifar10.dataset import Images, LabelledImages, balanced_subset, crop_and_mirror, load
from container.errors import InvalidTrainingInput


def decode_raw(encoded: bytes) -> Images:
    """A decoder for tests: the 'PNG' is the pixels themselves, row by row."""
    side = 32 if len(encoded) == 3072 else 28
    return np.frombuffer(encoded, np.uint8).reshape(side, side, 3)


def write_raw_records(path: Path, images: Images, labels: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    payloads = (
        image_payload(int(label), image.transpose(1, 2, 0).tobytes())
        for image, label in zip(images, labels, strict=True)
    )
    write_records(path, payloads)


def test_the_binary_version_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    """Also in the folder that its archive makes."""
    write_binary_channel(tmp_path, training=20, validation=10)
    images, labels = made_up_images(20, seed=1)

    training, validation = load(tmp_path, decode_raw)

    np.testing.assert_array_equal(images, training.images)
    np.testing.assert_array_equal(labels, training.labels)
    assert 10 == len(validation)


def test_record_files_are_read(tmp_path: Path) -> None:
    """Colours go from last axis to first."""
    images, labels = made_up_images(20)
    write_raw_records(tmp_path / "train.rec", images, labels)
    write_raw_records(tmp_path / "test.rec", images[:10], labels[:10])

    training, validation = load(tmp_path, decode_raw)

    np.testing.assert_array_equal(images, training.images)
    np.testing.assert_array_equal(labels, training.labels)
    assert 10 == len(validation)


def test_empty_marker_files_are_passed_over(tmp_path: Path) -> None:
    """Spark leaves _SUCCESS, S3 consoles leave zero-byte objects for folders, copies that failed leave empty files."""
    write_binary_channel(tmp_path, training=20, validation=10)
    for name in ("_SUCCESS", "train.rec", "test.rec", "data_batch_3.bin"):
        (tmp_path / name).touch()

    training, _ = load(tmp_path, decode_raw)

    assert 20 == len(training)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """And so is what should be in it."""
    with pytest.raises(InvalidTrainingInput, match=r"nowhere does not exist; expected train.rec and test.rec"):
        load(tmp_path / "nowhere", decode_raw)


def test_an_empty_folder_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    """The text lists what was found."""
    with pytest.raises(InvalidTrainingInput, match="has nothing but empty files and folders; expected"):
        load(tmp_path, decode_raw)

    (tmp_path / "train.rec").write_text("x")
    (tmp_path / "readme.html").write_text("x")
    with pytest.raises(InvalidTrainingInput, match=r"has readme.html, train.rec; expected"):
        load(tmp_path, decode_raw)


def test_a_torn_binary_file_is_named(tmp_path: Path) -> None:
    """A copy that stopped half way is no whole number of images."""
    write_binary_channel(tmp_path, training=20, validation=10)
    torn = tmp_path / "cifar-10-batches-bin" / "data_batch_2.bin"
    torn.write_bytes(torn.read_bytes()[:-1])

    with pytest.raises(InvalidTrainingInput, match=r"data_batch_2.bin: 30729 bytes are no whole number of images"):
        load(tmp_path, decode_raw)


def test_labels_beyond_ten_classes_are_refused(tmp_path: Path) -> None:
    """CIFAR-100 has the same file names in its RecordIO form, and a second label byte in its binary form."""
    images, labels = made_up_images(20)
    write_binary(tmp_path / "data_batch_1.bin", images, labels + 90)
    write_binary(tmp_path / "test_batch.bin", images, labels)

    with pytest.raises(InvalidTrainingInput, match=r"data_batch_1.bin: labels go from 90 to 99, not from 0 to 9"):
        load(tmp_path, decode_raw)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    """Nothing is resized in silence."""
    write_records(tmp_path / "train.rec", [image_payload(1, bytes(28 * 28 * 3))])
    write_records(tmp_path / "test.rec", [image_payload(1, bytes(3072))])

    with pytest.raises(InvalidTrainingInput, match=r"train.rec: image 0 is \(28, 28, 3\), not 32 x 32 x 3"):
        load(tmp_path, decode_raw)


def test_a_record_that_is_no_image_is_named(tmp_path: Path) -> None:
    """Whatever the decoder says is passed on."""
    write_records(tmp_path / "train.rec", [image_payload(1, b"not an image")])
    write_records(tmp_path / "test.rec", [image_payload(1, bytes(3072))])

    with pytest.raises(InvalidTrainingInput, match=r"train.rec: record 0 holds no PNG or JPEG image: cannot reshape"):
        load(tmp_path, decode_raw)


def sorted_by_class(count: int) -> LabelledImages:
    """Images whose first pixel is their place in the file, all of class 0 first."""
    images = np.zeros((count, 3, 32, 32), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return LabelledImages(images=images, labels=np.sort(np.arange(count, dtype=np.int32) % 10))


@pytest.mark.parametrize("count", [10, 25, 100])
def test_a_subset_has_every_class_alike_often(count: int) -> None:
    """Even of a file that is sorted by class."""
    subset = balanced_subset(sorted_by_class(100), count)

    often = np.bincount(subset.labels, minlength=10)
    assert count == len(subset)
    assert often.max() - often.min() <= 1


def test_a_subset_takes_the_first_of_each_class_in_file_order() -> None:
    """The same files give the same images on every machine."""
    subset = balanced_subset(sorted_by_class(100), 20)

    assert [0, 1, 10, 11, 20, 21] == subset.images[:6, 0, 0, 0].tolist()


def test_a_subset_of_zero_is_everything() -> None:
    """The default of training_images and validation_images."""
    whole = sorted_by_class(30)

    assert whole is balanced_subset(whole, 0)


def test_a_subset_larger_than_the_whole_is_refused() -> None:
    """Better than to train on fewer images than the job file says."""
    with pytest.raises(InvalidTrainingInput, match="31 images were asked for, but the channel has 30"):
        balanced_subset(sorted_by_class(30), 31)


def test_crops_move_at_most_four_pixels_and_mirror_half_of_the_images() -> None:
    """A bright pixel in the middle lands within four pixels of where it was, or of its mirror image."""
    images = np.zeros((400, 3, 32, 32), np.uint8)
    images[:, :, 16, 8] = 255

    batch = crop_and_mirror(images, np.random.default_rng(0))

    _, _, rows, columns = np.nonzero(batch)
    mirrored = columns > 15
    assert 400 * 3 == len(rows)
    assert (12, 20) == (rows.min(), rows.max())
    assert {4, 12, 19, 27} == {
        columns[~mirrored].min(),
        columns[~mirrored].max(),
        columns[mirrored].min(),
        columns.max(),
    }
    assert 0.4 < mirrored.mean() < 0.6


def test_the_same_generator_crops_and_mirrors_alike() -> None:
    """Chance comes from the generator alone, and the images given are left as they are."""
    images, _ = made_up_images(50)
    before = images.copy()

    first, second = (crop_and_mirror(images, np.random.default_rng(5)) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(before, images)
