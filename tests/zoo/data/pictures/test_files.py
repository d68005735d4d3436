import io
import os
import zipfile
import zlib

import numpy as np
import PIL.Image
import pytest

from zoo.data.pictures import files


def encoded(colour, size=(11, 9), mode="RGB", form="JPEG", **options):
    file = io.BytesIO()
    PIL.Image.new("RGB", size, colour).convert(mode).save(file, form, **options)
    return file.getvalue()


def test_a_picture_is_resized_to_cover_and_cut_from_the_middle():
    source = PIL.Image.new("RGB", (400, 100))
    source.paste((200, 100, 50), (150, 0, 250, 100))  # the middle square
    file = io.BytesIO()
    source.save(file, "PNG")
    got = files.picture(file.getvalue(), 14, 14).astype(int)  # 16 x 64 pixels, of which rows 1..14, columns 25..38
    assert got.shape == (14, 14, 3) and (got[:, 1:-1] == (200, 100, 50)).all()
    wide = files.picture(file.getvalue(), 14, 56).astype(int)
    assert (wide[:, 22:34] == (200, 100, 50)).all() and (wide[:, :18] == 0).all() and (wide[:, -18:] == 0).all()


def test_shrinking_takes_the_mean():
    board = np.uint8(255 * (np.indices((96, 96)).sum(0) % 2))
    file = io.BytesIO()
    PIL.Image.fromarray(board).save(file, "PNG")
    assert abs(files.picture(file.getvalue(), 7, 7).astype(int) - 127.5).max() < 10


@pytest.mark.parametrize(
    ("mode", "form"), [("L", "JPEG"), ("CMYK", "JPEG"), ("P", "GIF"), ("RGBA", "PNG"), ("1", "PNG")]
)
def test_every_kind_of_image_becomes_rgb(mode, form):
    got = files.picture(encoded((255, 255, 255), mode=mode, form=form), 5, 7)
    assert got.shape == (5, 7, 3) and got.dtype == np.uint8 and got.min() >= 254


def test_what_is_transparent_becomes_white():
    image = PIL.Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 10, 20))
    file = io.BytesIO()
    image.save(file, "PNG")
    got = files.picture(file.getvalue(), 20, 20)
    assert (got[:, :10] == (200, 0, 0)).all() and (got[:, 10:] == 255).all()


def test_a_camera_held_upright_gives_an_upright_picture():
    sideways = PIL.Image.new("RGB", (40, 40), (0, 0, 0))
    sideways.paste((255, 255, 255), (0, 0, 20, 40))  # bright on the left
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    file = io.BytesIO()
    sideways.save(file, "JPEG", exif=exif)
    got = files.picture(file.getvalue(), 8, 8)
    assert got[:3].min() > 240 and got[-3:].max() < 15  # bright at the top


@pytest.mark.parametrize("size", [(97, 41), (30, 200), (301, 280)])
def test_only_the_part_that_is_kept_is_made(size):
    """The same as to resize the whole image and cut the middle out of it."""
    numbers = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    file = io.BytesIO()
    image = PIL.Image.fromarray(numbers)
    image.save(file, "PNG")
    scale = 256 / 224 * max(28 / size[1], 21 / size[0])
    width, height = (round(scale * side) for side in size)
    whole = np.asarray(image.resize((width, height), PIL.Image.Resampling.BICUBIC), int)
    top, left = (height - 28) // 2, (width - 21) // 2
    got = files.picture(file.getvalue(), 28, 21).astype(int)
    assert abs(got - whole[top : top + 28, left : left + 21]).max() <= 1


def test_a_thin_picture_is_not_made_huge():
    file = io.BytesIO()
    PIL.Image.new("RGB", (10_000_000, 1), "red").save(file, "PNG")  # 256 times that is 2.56e9 x 256 pixels
    assert (files.picture(file.getvalue(), 224, 224) == (255, 0, 0)).all()


def test_sixteen_bits_of_gray_become_eight():
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((9, 9), 0x40FF, np.uint16)).save(file, "PNG")
    assert (files.picture(file.getvalue(), 9, 9) == 0x40).all()


def broken_files():
    exif, file = PIL.Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x0132] = 6, "2020:01:01"
    PIL.Image.new("RGB", (9, 9)).save(file, "JPEG", exif=exif)
    whole = file.getvalue()
    date = whole.index(b"\x01\x32")  # as the image's width it is no number
    bomb = encoded((0, 0, 0), form="PNG")
    head = b"IHDR" + (2**20).to_bytes(4, "big") * 2 + bomb[24:29]
    return {
        "nothing": b"",
        "half": whole[: len(whole) // 2],
        "what the camera says": whole[:date] + b"\x01\0" + whole[date + 2 :],
        "a size": bomb[:12] + head + zlib.crc32(head).to_bytes(4, "big") + bomb[33:],  # Pillow calls it a bomb
    }


@pytest.mark.parametrize("what", broken_files())
def test_whatever_is_broken_in_a_file_is_one_kind_of_error(what):
    says = {"nothing": "no image that Pillow knows", "a size": "pixels"}.get(what, ".")
    with pytest.raises(ValueError, match=says):
        files.picture(broken_files()[what], 8, 8)


def test_gray_is_the_weighted_mean_of_colours():
    got = files.picture(encoded((250, 30, 90), form="PNG"), 9, 11, 1)
    assert got.shape == (9, 11, 1) and abs(got.astype(int) - (0.299 * 250 + 0.587 * 30 + 0.114 * 90)).max() <= 1


@pytest.mark.parametrize(("dtype", "white"), [(np.float32, 1.0), (np.uint16, 65535), (np.uint8, 255)])
def test_a_tiff_is_scaled_by_its_type(dtype, white):
    shares, file = np.linspace(0, 1, 63).reshape(7, 9), io.BytesIO()
    values = (shares * white).astype(dtype)
    PIL.Image.fromarray(values).save(file, "TIFF")
    got = files.picture(file.getvalue(), 7, 9)
    assert abs(got.astype(int) - 255 * shares[..., None]).max() <= 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((7, 9), 200, np.float32), r"floats from 200 to 200, expected \[0, 1\]"),
        (np.full((7, 9), np.nan, np.float32), "floats from nan"),
        (np.full((7, 9), 70_000, np.int32), "integers of 32 bits"),
    ],
)
def test_numbers_whose_white_is_not_known_are_refused(values, message):
    file = io.BytesIO()
    PIL.Image.fromarray(values).save(file, "TIFF")
    with pytest.raises(ValueError, match=message):
        files.picture(file.getvalue(), 7, 9)


def test_a_pgm_of_sixteen_bits_is_scaled_by_its_own_white():
    data = b"P5 9 7 1023\n" + np.full(63, 512, ">u2").tobytes()
    assert abs(files.picture(data, 7, 9).astype(int) - 255 * 512 / 1023).max() <= 1


# what is kept


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def bitmap(path, colour):
    """All of one size, and of one time, as git and tar leave them."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encoded(colour, (48, 48), form="BMP"))
    os.utime(path, (10**9, 10**9))
    return files.photo(path, path.name)


def test_folders_whose_files_differ_in_bytes_alone_are_not_mistaken(cached, tmp_path):
    red, blue = (bitmap(tmp_path / name / "0.bmp", c) for name, c in (("a", (255, 0, 0)), ("b", (0, 0, 255))))
    assert (files.pictures([red], (8, 8, 3)) == (255, 0, 0)).all()
    assert (files.pictures([blue], (8, 8, 3)) == (0, 0, 255)).all()


def test_the_same_bytes_are_decoded_once_wherever_they_lie(cached, tmp_path, monkeypatch):
    first = files.pictures([bitmap(tmp_path / "a" / "0.bmp", (255, 0, 0))], (8, 8, 3))
    monkeypatch.setattr(files, "picture", lambda *_: pytest.fail("decoded again"))
    again = files.pictures([bitmap(tmp_path / "b" / "1.bmp", (255, 0, 0))], (8, 8, 3))
    np.testing.assert_array_equal(first, again)


def test_archives_of_equal_checksums_are_not_mistaken(cached, tmp_path):
    """Two files of one length and one CRC: any four bytes can be chosen so that a CRC comes out."""
    pictures = []
    for i, colour in enumerate(((255, 0, 0), (0, 0, 255))):
        data = encoded(colour, (48, 48), form="BMP")
        data += _bytes_for_crc(data, 0x12345678)
        assert zlib.crc32(data) == 0x12345678
        with zipfile.ZipFile(tmp_path / f"{i}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("0.bmp"), data)
        pictures.append(files.pictures(files.photos_in_zip(tmp_path / f"{i}.zip"), (8, 8, 3)))
    assert (pictures[0] == (255, 0, 0)).all() and (pictures[1] == (0, 0, 255)).all()


def _bytes_for_crc(data, wanted):
    """Four bytes after which the CRC-32 of data is as wanted: it is linear in them."""
    base = zlib.crc32(data + bytes(4))
    rows = [(zlib.crc32(data + (1 << k).to_bytes(4, "little")) ^ base, 1 << k) for k in range(32)]
    left, chosen = base ^ wanted, 0
    for bit in reversed(range(32)):
        pivot = next(row for row in rows if row[0] >> bit & 1 and not row[0] >> (bit + 1))
        rows = [(a ^ pivot[0], b ^ pivot[1]) if (a >> bit & 1 and (a, b) != pivot) else (a, b) for a, b in rows]
        if left >> bit & 1:
            left, chosen = left ^ pivot[0], chosen ^ pivot[1]
    return chosen.to_bytes(4, "little")
