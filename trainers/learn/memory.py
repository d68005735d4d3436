"""Memory that a process keeps instead of asking for it again in every step."""

import contextlib
import ctypes

MMAP_MAX, TRIM_THRESHOLD = -4, -1  # mallopt's, of <malloc.h>


def keep_memory():
    """Makes glibc keep what is freed for the next tensor; another C library is left as it is.

    By default it gives large tensors back to the system, and every step pays for their pages again: a fifth of the time
    of a step of a text model.
    """
    with contextlib.suppress(AttributeError):
        told = ctypes.CDLL(None).mallopt
        told(MMAP_MAX, 0)
        told(TRIM_THRESHOLD, 2**31 - 1)
