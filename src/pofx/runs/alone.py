"""One process at a time works on a run: a lock that ends with the process, however that ends.

The lock is the operating system's, on the folder itself (flock), so that a killed process leaves nothing that would
have to be removed by hand. Limits: where there is no such lock, on Windows and on some network disks, none is held; and
the processes that `torchrun` starts, which work together, are not kept apart.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pofx.errors import ReadError
from pofx.runs.files import make_folder


@contextlib.contextmanager
def alone(folder: Path, where: str) -> Iterator[None]:
    """Makes the folder and holds it for this process; if it is empty in the end, it is removed.

    Args:
        folder: what only one process may work in.
        where: what it is for, in the user's words.

    Raises:
        ReadError: another process is at work there.
    """
    make_folder(folder)
    with contextlib.ExitStack() as stack:
        if os.name == "posix" and os.environ.get("WORLD_SIZE", "1") == "1":
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            _lock(descriptor, where)
        stack.callback(_remove, folder)
        yield


def _lock(descriptor: int, where: str) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ReadError(
            "another pofx fit is at work on this run",
            remedy="wait until it is done, or choose another --out",
            where=where,
        ) from None
    except OSError:  # a disk without locks
        return


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it holds something, or is gone
        folder.rmdir()
