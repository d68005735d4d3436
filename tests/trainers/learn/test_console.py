import os
import pty
import re
import subprocess
import sys

import pytest

from trainers.learn import console
from trainers.learn.console import Console


def steps(text):
    return [int(s.replace(",", "")) for s in re.findall(r"step +([\d,]+)/", text)]


def test_plain_lines_come_at_doubling_steps_then_regularly(capsys):
    with Console(1000) as c:
        for step in range(1, 1001):
            c.update(step, "123.46 nats", 7890.1)
    lines = capsys.readouterr().out.splitlines()
    assert steps("\n".join(lines)) == [1, 2, 4, 8, 16, 32, 64, *range(114, 1000, 50), 1000]
    assert lines[0] == "step     1/1,000  123.46 nats  7,890 examples/s"
    assert re.fullmatch(r"step   114/1,000  123\.46 nats  7,890 examples/s(  \d+:\d\d left)?", lines[7])


def test_a_resumed_run_speaks_at_once_and_a_slow_one_every_minute(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    with Console(10_000, start_step=5000) as c:  # regular lines are 500 steps apart
        for step in range(5010, 5100, 10):
            now[0] += 25
            c.update(step, "1.00 nats", 1.0)
    assert steps(capsys.readouterr().out) == [5010, 5040, 5070]  # 75 seconds apart, the first past 60


def test_time_left_leaves_out_what_was_done_before_the_first_update(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    with Console(1000) as c:
        c._progress.get_time = lambda: now[0]
        now[0] = 500.0  # seconds of tracing and compiling
        c.update(10, "1.00 nats", 1.0)
        now[0] = 520.0
        c.update(20, "1.00 nats", 1.0)  # 10 steps in 20 seconds; 980 are left
    assert capsys.readouterr().out.splitlines()[-1].endswith("examples/s  32:40 left")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (59.6, "1:00"), (123.4, "2:03"), (3723.4, "1:02:03"), (90_000, "25:00:00")],
)
def test_durations_read_like_a_clock(seconds, text):
    assert console._duration(seconds) == text


def test_warnings_go_to_standard_error_and_brackets_are_not_markup(capsys):
    with Console(10) as c:
        c.say("digits [bold]")
        c.warn("checkpoint [step 4] is incomplete")
    assert capsys.readouterr() == ("digits [bold]\n", "warning: checkpoint [step 4] is incomplete\n")


def run_on_a_terminal(code):
    """What the code writes when its output is a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # how Linux says that the other side has closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode()), written


def test_a_terminal_has_one_live_line_of_its_width():
    text, raw = run_on_a_terminal(
        "from trainers.learn.console import Console; import time\n"
        "with Console(100_000) as c:\n"
        "    for s in (12_000, 12_345):\n"
        "        time.sleep(0.05); c.update(s, '123.46 nats', 1234)\n"
        "    c.say('saved [step 12,345]'); c.warn('careful')\n"
    )
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    live = [line for line in lines if line.startswith("step ")]
    assert live[-1].startswith("step 12,345/100,000 ") and "123.46 nats  1,234 examples/s" in live[-1]
    assert max(map(len, lines)) <= 80
    kept = [line.strip() for line in lines if not line.startswith("step ")]
    assert kept == ["saved [step 12,345]", "warning: careful"]
    assert raw.count(b"\x1b[?25l") == raw.count(b"\x1b[?25h") == 1  # the cursor is hidden, and shown again


def shell(line, code):
    """Runs Python code in a shell, whose line has PYTHON in its place."""
    command = line.replace("PYTHON", f"{sys.executable} -c '{code}'")
    return subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)


SPEAK = """
import os, sys
from trainers.learn.console import Console, keep_speaking
keep_speaking()
with open(os.devnull) as file, Console(10_000) as console:
    assert file.fileno() > 2, "a file took the place of a standard stream"
    for step in range(1, 10_001):
        console.update(step, "1.00 nats", 1.0)
        console.say("x" * 100)
        console.warn("y" * 100)
console.say("still")
print("ended", file=open("ENDED", "w"))
"""


@pytest.mark.parametrize(
    "line",
    ["PYTHON 2>/dev/null | head -1", "PYTHON 2>&1 >/dev/null | head -1", "PYTHON >&- 2>&-", "PYTHON <&- >&-"],
    ids=["stdout left", "stderr left", "both closed", "input closed"],
)
def test_nobody_who_listens_is_no_reason_to_end(tmp_path, line):
    done = shell(line, SPEAK.replace("ENDED", str(tmp_path / "ended")))
    assert (tmp_path / "ended").read_text() == "ended\n" and done.returncode == 0
    assert "Error" not in done.stderr and "Exception" not in done.stderr


def test_a_terminal_that_is_gone_is_no_reason_to_end(tmp_path):
    """Its other side closes while the live line is drawn."""
    ours, theirs = pty.openpty()
    code = SPEAK.replace("ENDED", str(tmp_path / "ended"))
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    os.read(ours, 100)
    os.close(ours)
    assert process.wait(60) == 0 and (tmp_path / "ended").exists()


def test_a_narrow_encoding_is_no_reason_to_end():
    code = """
from trainers.learn.console import keep_speaking, tell
keep_speaking()
tell("na\u00efve \u4e16")
"""
    environ = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert done.stdout == "na\\xefve \\u4e16\n" and done.returncode == 0
