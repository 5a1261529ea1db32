"""A folder as a tar that is never in memory or on disk as a whole."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

_CHUNK_BYTES = 1 << 18


def tar_stream(folder: Path) -> Iterator[bytes]:
    """Yield the bytes of a tar of the files in `folder`, under its name.

    Raises OSError when a file is removed or changed meanwhile: what was sent is not whole then.
    """
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        with path.open("rb") as file:
            head = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            stat = path.stat()
            head.size, head.mtime, head.mode = stat.st_size, int(stat.st_mtime), 0o600
            yield head.tobuf()
            yield from _exactly(file.read, head.size, path)
            yield bytes(-head.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _exactly(read: Callable[[int], bytes], size: int, path: Path) -> Iterator[bytes]:
    left = size
    while left:
        chunk = read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise OSError(f"{path} became shorter while it was read; download it again")
        left -= len(chunk)
        yield chunk
