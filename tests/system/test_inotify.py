# SPDX-License-Identifier: MIT
"""inotify on file systems of disks: what tests/abi/inotify.c expects of tmpfs."""
import copy
import os

import pytest

import machine
import xv6fs
from conftest import Guest
from test_abi import abi_programs  # noqa: F401
from test_ext4 import mke2fs

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]


@pytest.mark.parametrize("kind", ("ext4", "xv6fs"))
def test_on_disk(config, abi_programs, tmp_path, kind):  # noqa: F811
    image = tmp_path / "image"
    if kind == "ext4":
        mke2fs(image, "-t ext4", size="32M")
    else:
        xv6fs.make(image)
    mine = copy.copy(config)
    mine.disks = [machine.Disk(image)]
    guest = Guest(mine)
    with open(os.path.join(abi_programs, "inotify"), "rb") as f:
        guest.put("/tmp/inotify", f.read(), 0o755)
    guest.out(f"mkdir -p /mnt && mount -t {kind} /dev/vda /mnt")
    result = guest.run(["/tmp/inotify", "/mnt", kind], timeout=240)
    lines = result.out.decode().splitlines()
    assert not [line for line in lines if line.startswith("FAIL")] and result.status == 0, result
    left = guest.out("ls -A /mnt")
    guest.out("umount /mnt")
    guest.stop()
    assert left in ("", "lost+found\n")
