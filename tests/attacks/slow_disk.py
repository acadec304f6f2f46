"""A file system that passes everything on to a folder, late: python slow_disk.py FOLDER AT.

As on a network, every operation that changes names or content takes some milliseconds, what is
written comes into being when it is flushed, and there are no hard links. It needs libfuse and
the package mfusepy.
"""

import contextlib
import errno
import os
import random
import sys
import time

import mfusepy

LATE = 0.01


class Late(mfusepy.Operations):
    """The folder's files, each operation with a delay."""

    use_ns = True

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)

    def at(self, path):
        return self.folder + path

    def late(self):
        time.sleep(random.uniform(0, 2 * LATE))

    def getattr(self, path, fh=None):
        found = os.lstat(self.at(path))
        names = ("mode", "nlink", "uid", "gid", "size")
        times = {f"st_{n}time": getattr(found, f"st_{n}time_ns") for n in "amc"}
        return {**{f"st_{name}": getattr(found, f"st_{name}") for name in names}, **times}

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.at(path))]

    def mkdir(self, path, mode):
        self.late()
        return os.mkdir(self.at(path), mode)

    def rmdir(self, path):
        self.late()
        return os.rmdir(self.at(path))

    def unlink(self, path):
        self.late()
        return os.unlink(self.at(path))

    def rename(self, old, new):
        self.late()
        return os.rename(self.at(old), self.at(new))

    def link(self, target, source):
        raise mfusepy.FuseOSError(errno.EPERM)

    def create(self, path, mode, fi=None):
        self.late()
        return os.open(self.at(path), os.O_RDWR | os.O_CREAT, mode)

    def open(self, path, flags):
        return os.open(self.at(path), flags & ~os.O_APPEND)

    def read(self, path, length, offset, fh):
        return os.pread(fh, length, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        self.late()
        os.truncate(self.at(path), length)

    def flush(self, path, fh):
        self.late()
        return 0

    def fsync(self, path, datasync, fh):
        self.late()
        return os.fsync(fh)

    def release(self, path, fh):
        return os.close(fh)

    def chmod(self, path, mode):
        return os.chmod(self.at(path), mode)

    def utimens(self, path, times=None):
        return os.utime(self.at(path), ns=times)

    def statfs(self, path):
        found = os.statvfs(self.at(path))
        names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail")
        return {f"f_{name}": getattr(found, f"f_{name}") for name in names}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        mfusepy.FUSE(Late(sys.argv[1]), sys.argv[2], foreground=True, nothreads=False)
