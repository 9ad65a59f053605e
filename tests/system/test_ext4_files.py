# SPDX-License-Identifier: MIT
"""ext4's file data: random operations against a model, holes and promises, sizes at the limits."""
import random

import pytest

from test_ext4 import SETS, debugfs, disk, fsck, mounted  # noqa: F401

pytestmark = pytest.mark.rivulet

HAS_NO_EXTENTS = ("ext2-1k", "ext2-4k", "ext3", "indirect")


def filemodel(one, name, steps, seed, processes):
    one.boot()
    result = one.guest.run([one.guest.program("filemodel"), "/dev/vda", "/mnt", str(steps),
                            str(seed), SETS[name][1], str(int(name not in HAS_NO_EXTENTS)),
                            str(processes)], timeout=300)
    assert result.status == 0, (result, one.log())
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", SETS)
def test_model(disk, tmp_path, name):
    some = random.Random(name)
    folder = tmp_path / "t"
    folder.mkdir()
    for n, size in enumerate((0, 50, 9000, 300_000)):
        (folder / f"model{n}").write_bytes(some.randbytes(size))
    filemodel(disk(SETS[name][0], tree=folder), name, 1500, 1, 1)


@pytest.mark.parametrize("name", ("ext2-1k", "debian13", "ext4-1k", "data-journal"))
def test_processes(disk, name):
    filemodel(disk(SETS[name][0]), name, 1000, 2, 4)
