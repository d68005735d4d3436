"""Memory that a process keeps instead of asking for it again in every step."""

import contextlib
import ctypes

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # mallopt's, of <malloc.h>


def keep_memory():
    """Makes glibc keep what is freed for the next tensor; another C library is left as it is.

    By default it gives large tensors back to the system, and so does what it keeps apart for each thread: every step
    pays for their pages again, a quarter of the time of a step of a text model. Call it before threads allocate.
    """
    with contextlib.suppress(AttributeError):
        told = ctypes.CDLL(None).mallopt
        told(TRIM_THRESHOLD, 2**31 - 1)
        told(MMAP_MAX, 0)
        told(ARENA_MAX, 1)
