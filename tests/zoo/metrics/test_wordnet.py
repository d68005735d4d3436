import io
import os
import pwd
import shutil
import urllib.error
import urllib.request
import warnings

import nltk
import pytest

from zoo.metrics import wordnet

DOWNLOAD = wordnet._download


def lemmas(reader):
    return sorted(reader.all_lemma_names())


def install(write_dictionary, folder, synsets):
    """What nltk.download leaves behind, unpacked: the dictionary with lexnames."""
    write_dictionary(folder / "corpora" / "wordnet", synsets)
    (folder / "corpora" / "wordnet" / "lexnames").write_text("".join(wordnet._lexnames()))


def test_nltks_own_folder_comes_first(machine, write_dictionary):
    install(write_dictionary, machine / "nltk_data", [["own"]])
    write_dictionary(machine / "system", [["system"]])
    assert lemmas(wordnet.find()) == ["own"]
    assert not (machine / "cache").exists()


def test_a_zip_as_nltk_downloads_it_is_read(machine, write_dictionary):
    install(write_dictionary, machine / "aside", [["zipped"]])
    corpora = machine / "nltk_data" / "corpora"
    corpora.mkdir(parents=True)
    shutil.make_archive(corpora / "wordnet", "zip", machine / "aside" / "corpora", "wordnet")
    assert lemmas(wordnet.find()) == ["zipped"]


def test_a_damaged_zip_is_passed_over(machine, write_dictionary):
    write_dictionary(machine / "system", [["system"]])
    corpora = machine / "nltk_data" / "corpora"
    corpora.mkdir(parents=True)
    (corpora / "wordnet.zip").write_bytes(b"the first bytes of a download")
    assert lemmas(wordnet.find()) == ["system"]


def test_the_systems_dictionary_comes_before_a_download(machine, write_dictionary, monkeypatch):
    write_dictionary(machine / "system", [["system"]])
    monkeypatch.setattr(wordnet, "_download", lambda: pytest.fail("asked the network"))
    reader = wordnet.find()
    assert lemmas(reader) == ["system"]
    assert reader.synsets("system")[0].lexname() == "noun.artifact"  # number 6 of the list that Debian lacks
    assert len(reader._lexnames) == 45


def test_the_copy_is_made_once_and_kept(machine, write_dictionary):
    write_dictionary(machine / "system", [["system"]])
    wordnet.find()
    shutil.rmtree(machine / "system")
    nltk.data.path.remove(str(wordnet.cache_folder()))  # the next process knows nothing of it
    wordnet.find.cache_clear()
    assert lemmas(wordnet.find()) == ["system"]


def test_the_copy_is_read_under_a_umask_that_lets_the_group_write(machine, write_dictionary):
    write_dictionary(machine / "system", [["system"]])
    before = os.umask(0o002)
    try:
        assert lemmas(wordnet.find()) == ["system"]
    finally:
        os.umask(before)


def test_a_copy_that_fails_half_way_leaves_none(machine, write_dictionary, monkeypatch):
    write_dictionary(machine / "system", [["system"]])

    def disk_is_full(source, target):
        target.mkdir()
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", disk_is_full)
        assert wordnet.find() is None
    assert list((wordnet.cache_folder() / "corpora").iterdir()) == []
    wordnet.find.cache_clear()
    assert lemmas(wordnet.find()) == ["system"]


def test_half_of_debians_files_are_not_copied(machine, write_dictionary):
    """NLTK wants the file of the second package too; a copy without it would stay for ever."""
    write_dictionary(machine / "system", [["system"]])
    (machine / "system" / "index.sense").unlink()
    assert wordnet.find() is None
    (machine / "system" / "index.sense").write_text("")
    wordnet.find.cache_clear()
    assert lemmas(wordnet.find()) == ["system"]


def test_the_last_resort_is_a_download(machine, write_dictionary, monkeypatch, capsys):
    asked = []

    class Answer:
        def close(self):
            asked.append("closed")

    def answers(url, timeout):
        asked.append((url, timeout))
        return Answer()

    def download(name, **options):
        assert name == "wordnet" and options["quiet"]
        install(write_dictionary, machine / "nltk_data", [["downloaded"]])
        return True

    monkeypatch.setattr(wordnet, "_download", DOWNLOAD)
    monkeypatch.setattr(urllib.request, "urlopen", answers)
    monkeypatch.setattr(nltk, "download", download)
    assert lemmas(wordnet.find()) == ["downloaded"]
    assert asked == [(nltk.downloader.Downloader.DEFAULT_URL, 5), "closed"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [urllib.error.URLError("no route"), TimeoutError(), ConnectionResetError()])
def test_a_silent_server_is_not_asked_twice(machine, monkeypatch, capsys, error):
    def fails(url, timeout):
        raise error

    monkeypatch.setattr(wordnet, "_download", DOWNLOAD)
    monkeypatch.setattr(urllib.request, "urlopen", fails)
    monkeypatch.setattr(nltk, "download", lambda *_, **__: pytest.fail("NLTK would wait for minutes"))
    assert wordnet.find() is None
    assert capsys.readouterr().err.count("\n") == 1


def test_a_download_that_fails_says_nothing_of_its_own(machine, monkeypatch, capsys):
    """NLTK returns False, and writes to standard error even when told to be quiet."""

    def download(name, *, print_error_to, **_):
        print("[nltk_data] Error loading wordnet", file=print_error_to)
        return False

    monkeypatch.setattr(wordnet, "_download", DOWNLOAD)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO())
    monkeypatch.setattr(nltk, "download", download)
    assert wordnet.find() is None
    assert capsys.readouterr().err == f"warning: {wordnet.MISSING}\n"


def test_without_a_home_folder_meteor_alone_is_left_out(machine, monkeypatch, capsys):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(wordnet, "_download", DOWNLOAD)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO())
    monkeypatch.setattr(nltk, "download", lambda *_, **__: nltk.downloader.Downloader().default_download_dir())
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert wordnet.find() is None
    assert capsys.readouterr().err == f"warning: {wordnet.MISSING}\n"


def test_one_line_once_says_what_is_missing_and_how_to_get_it(machine, capsys):
    assert wordnet.find() is None and wordnet.find() is None
    out, err = capsys.readouterr()
    assert out == "" and err == f"warning: {wordnet.MISSING}\n" and "\n" not in wordnet.MISSING
    assert "apt-get install wordnet-base wordnet-sense-index" in err and "python -m nltk.downloader wordnet" in err


def test_finding_is_silent(machine, write_dictionary, capsys):
    write_dictionary(machine / "system")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wordnet.find()
    assert capsys.readouterr() == ("", "")
