import contextlib
import os
import signal
import subprocess
import sys

import pytest

from zoo import quiet

SIEVE = "import os\nfrom zoo.quiet import _without\n"


def stderr_of(code):
    return subprocess.run([sys.executable, "-c", SIEVE + code], capture_output=True, text=True).stderr


def test_only_known_lines_are_left_out_and_the_order_is_kept():
    code = (
        "with _without(['chatter']):\n"
        "    os.write(2, b'I0000 some chatter here\\nE0000 a real error\\n')\n"
        "    os.system('echo from a child >&2')\n"
        "    os.write(2, b'more chatter\\nno newline')\n"
        "os.write(2, b' / after chatter\\n')"
    )
    assert stderr_of(code) == "E0000 a real error\nfrom a child\nno newline / after chatter\n"


def test_last_words_before_an_abort_come_out():
    code = "with _without(['chatter']):\n    os.write(2, b'chatter\\nF0000 needs AVX\\n'); os.abort()"
    assert stderr_of(code) == "F0000 needs AVX\n"


def test_an_exception_inside_is_printed_whole():
    error = stderr_of("with _without(['chatter']):\n    import nosuchmodule")
    assert error.startswith("Traceback") and error.endswith("No module named 'nosuchmodule'\n")


def test_tensorflow_is_imported_without_a_word():
    code = "from zoo.quiet import import_tensorflow\nprint(import_tensorflow().constant(3).numpy())"
    environ = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert process.stdout == "3\n"
    if not os.path.exists("/dev/nvidia0"):
        assert process.stderr == ""


@pytest.mark.parametrize(("level", "filtered"), [(None, True), ("0", False)])
def test_who_asks_for_tensorflows_log_gets_it_unfiltered(monkeypatch, level, filtered):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level or "")
    if level is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    filters = []
    monkeypatch.setattr(quiet, "_import", lambda: "tensorflow")
    monkeypatch.setattr(quiet, "_without", lambda patterns: filters.append(patterns) or contextlib.nullcontext())
    assert quiet.import_tensorflow() == "tensorflow"
    assert bool(filters) is filtered and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == level


def test_help_that_nobody_reads_ends_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from zoo.quiet import ask; ask(int, args=['--help'])"
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
