import subprocess
import sys

import pytest

CODE = """
import resource
from trainers.learn.memory import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        b"x" * 50_000_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
keep_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_what_was_freed_is_used_again():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    before, kept = map(int, done.stdout.split())
    assert before > 50_000 and kept < 100  # pages of 4 KB
