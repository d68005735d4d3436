"""What all commands do alike: a quiet begin, their options, lines that nobody need read, one line for an error."""

import contextlib
import glob
import os
import signal
import subprocess
import sys

import tyro

# What TensorFlow 2.21 writes to file descriptor 2 at every import on a machine where nothing is wrong.
CHATTER = [
    "All log messages before absl::InitializeLog() is called are written to STDERR",
    "oneDNN custom operations are on.",
]
# Harmless without a GPU. With one they say why it stays unused, so there they are shown.
NO_GPU_CHATTER = [
    "Could not find cuda drivers on your machine, GPU will not be used.",
    "failed call to cuInit",
]

_FILTER = """
import sys
patterns = [p.encode() for p in sys.argv[1:]]
for line in sys.stdin.buffer:
    if not any(p in line for p in patterns):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


def ask(kind, **how):
    """tyro.cli(kind, **how), whose help may be read in part: `| head` ends the process as it ends other commands."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        return tyro.cli(kind, **how)
    finally:
        sys.stdout.flush()
        signal.signal(signal.SIGPIPE, before)


def tell(line, stream=None):
    """A line for whoever reads a stream, by default standard output. If nobody does any more, that ends nothing."""
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError:
        silence(stream)


def silence(stream):
    """From now on, what a stream is told goes nowhere, also what it still holds."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def stop(error, code=2):
    """Ends the process with one line on standard error."""
    tell(f"error: {error}", sys.stderr)
    sys.exit(code)


def import_tensorflow():
    """Import TensorFlow and look for its devices without the chatter of a healthy start; returns the module.

    Call it before anything else imports TensorFlow. Lines not listed above are passed on, in order, also when
    the import crashes. Whoever sets TF_CPP_MIN_LOG_LEVEL sees everything that this level lets through.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or "tensorflow" in sys.modules:
        return _import()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "1"  # warnings and errors stay, "XLA service ..." goes
    try:
        with _without(CHATTER if glob.glob("/dev/nvidia*") else CHATTER + NO_GPU_CHATTER):
            return _import()
    finally:
        del os.environ["TF_CPP_MIN_LOG_LEVEL"]  # it has been read; processes that are started from here do as we did


def _import():
    import tensorflow as tf

    tf.config.list_physical_devices()  # looks for the CUDA driver, and complains, only now
    return tf


@contextlib.contextmanager
def _without(patterns):
    """Send file descriptor 2 through a process that leaves out lines holding one of the patterns.

    A process of its own, not a temporary file: what TensorFlow says before it aborts must still come out.
    """
    command = [sys.executable, "-I", "-S", "-c", _FILTER, *patterns]
    # a session of its own, or Ctrl-C would end the filter before the last words of what it filters
    sieve = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=2, start_new_session=True)
    stderr = os.dup(2)
    os.dup2(sieve.stdin.fileno(), 2)
    sieve.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        sieve.wait()
