import subprocess
import sys

import pytest

CODE = """
import resource, sys, threading
from trainers.learn.memory import keep_memory

def work():
    for _ in range(5):
        [b"x" * n for n in (40_000_000, 40_000_001, 40_000_002)]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    keep_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_what_threads_have_freed_is_used_again():
    found = {}
    for what in ("keep", "give back"):
        done = subprocess.run([sys.executable, "-c", CODE, what], capture_output=True, text=True, check=True)
        found[what] = int(done.stdout)
    assert found["give back"] > 100_000 and found["keep"] < 1000  # pages of 4 KB
