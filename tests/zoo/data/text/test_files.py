import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from zoo.data.text import files
from zoo.data.text.files import File, published, read


def lines(data, encoding="utf-8"):
    return [line for _, line in File("it", data).lines(encoding)]


def test_lines_end_at_line_feeds_alone_and_blank_ones_do_not_count():
    text = "\ufeffone \r\n\n \t\n a\x0bb\u2028c\x85d\n\tlast"
    assert lines(text.encode()) == ["one", "a\x0bb\u2028c\x85d", "\tlast"]
    assert lines(b"caf\xe9 \x85 ol\xe9\n", "latin-1") == ["caf\xe9 \x85 ol\xe9"]
    assert list(File("it", b"\n\nx\n").lines()) == [("line 3 of it", "x")]


@pytest.mark.parametrize(
    "data, message",
    [
        (b"fine\n\xff\xfe\n", "data: line 2 of it is no text in UTF-8 .*can't decode byte 0xff.*; convert the file"),
        (b"", "data: it holds no text, expected one a line"),
        (b"\n \n\r\n", "data: it holds no text"),
        (
            b"a\n" + b"x" * 101,
            "data: line 2 of it has 101 bytes, expected one text a line, of at most 100; put line ends",
        ),
    ],
)
def test_what_is_no_text_is_one_line_with_its_place(data, message, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 100)
    with pytest.raises(ValueError, match=message) as error:
        lines(data)
    assert "\n" not in str(error.value)


def test_records_are_read_or_named():
    assert list(File("it", b'{"a": 1, "b": "x"}\n').records("b", "a")) == [("line 1 of it", "x", 1)]
    for bad in (b'{"a": 1}\n', b"[1]\n", b"{\n"):
        with pytest.raises(
            ValueError, match=r"data: line 1 of it is no object in JSON with a, b \(.*\); fetch it again"
        ):
            list(File("it", bad).records("a", "b"))


def test_packed_files_are_unpacked(tmp_path):
    for name, data in (("a.txt", b"hi"), ("a.txt.gz", gzip.compress(b"hi")), ("a.txt.xz", lzma.compress(b"hi"))):
        (tmp_path / name).write_bytes(data)
        assert read(tmp_path / name) == File(str(tmp_path / name), b"hi")
        (tmp_path / name).write_bytes(data[:-1])
    for name in ("a.txt.gz", "a.txt.xz"):
        with pytest.raises(ValueError, match=f"data: {tmp_path / name} is no whole .{name[-2:]} file"):
            read(tmp_path / name)


def test_published_files_lie_plain_packed_or_in_an_archive(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=f"found no a, b in {tmp_path}; expected a, b, each perhaps with .gz or"
    ):
        published(tmp_path, ["a", "b"], "ab.zip")
    with zipfile.ZipFile(tmp_path / "ab.zip", "w") as archive:
        archive.writestr("folder/a", "zipped a")
        archive.writestr("folder/b", "zipped b")
    with tarfile.open(tmp_path / "ab.tar.xz", "w:xz") as archive:
        for name in ("a", "b"):
            info = tarfile.TarInfo(f"./{name}")
            info.size = 7
            archive.addfile(info, io.BytesIO(f"tared {name}".encode()))
    for name, how in (("ab.zip", b"zipped"), ("ab.tar.xz", b"tared")):
        assert published(tmp_path, ["b", "a"], name) == {
            each: File(f"{each} of {tmp_path / name}", how + b" " + each.encode()) for each in ("b", "a")
        }
    with pytest.raises(ValueError, match=f"data: {tmp_path / 'ab.zip'} is no archive of a, c"):
        published(tmp_path, ["a", "c"], "ab.zip")
    (tmp_path / "a").write_bytes(b"plain")
    (tmp_path / "b.xz").write_bytes(lzma.compress(b"packed"))
    assert [file.data for file in published(tmp_path, ["a", "b"], "ab.zip").values()] == [b"plain", b"packed"]
