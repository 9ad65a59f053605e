# SPDX-License-Identifier: MIT
"""The power goes while a machine works on its root; another boots from what the disk may hold then."""
import copy
import os
import random
from collections import Counter

import pytest

import guest
import machine
import mkinitramfs
import mkroot
from powerdisk import PowerDisk, log_writes
from test_ext4 import fsck

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

PROGRAM = "/bin/powercut"
PATIENCE = 120  # seconds
EVENTS = 700  # of the workload, at most, until the power goes


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A root file system."""
    path = tmp_path_factory.mktemp("root") / "root.img"
    archive = mkinitramfs.build_root(machine.BUILD).finish()
    mkroot.make(archive, str(path), "64M")
    return path.read_bytes()


def config_of(config, disk):
    mine = copy.copy(config)
    mine.put = [(machine.cross_program("tests/system/powercut.c"), PROGRAM)]
    mine.disks, mine.on_disk = [disk], True
    mine.append = "root=/dev/vda"
    return mine


def start(config, disk, *arguments):
    """The program, with the root on `disk`."""
    return Machine(config_of(config, disk), [PROGRAM, *map(str, arguments)])


class Machine:
    """One boot that runs argv; its output, by lines."""

    def __init__(self, config, argv):
        self.run = guest.Run(config, argv)
        self.run.start()
        self.port = self.run.sockets["stdout"]
        self.port.settimeout(PATIENCE)
        self.text = b""

    def line(self):
        """None: it is gone."""
        while b"\n" not in self.text:
            try:
                data = self.port.recv(4096)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self.text += data
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def go_on(self):
        try:
            self.run.sockets["stdin"].sendall(b"x")
        except OSError:
            pass  # it is gone

    def end(self):
        """Its program's status, when it has powered off."""
        return self.run.wait(PATIENCE)

    def finish(self):
        """What it says up to its end, its status, and the console."""
        said = []
        try:
            while (line := self.line()) is not None:
                said.append(line)
            status = self.end()
        finally:
            log = self.close()
        return said, status, log

    def close(self):
        self.run.close()
        return self.run.console_text.decode(errors="replace")


def check(config, path, seed, steps):
    """Boots from the image and looks at it; e2fsck does so afterwards."""
    one = start(config, machine.Disk(path), "check", seed, steps)
    said, status, log = one.finish()
    assert (status, said) == (0, ["good"]), f"{said}\n{log[-2000:]}"
    fsck(path)


def cut(config, image, folder, seed):
    """One power cut: what was found then."""
    some = random.Random(seed)
    disk = PowerDisk(image, folder / f"socket{seed}", seed)
    one = start(config, machine.Disk("", blockdev=disk.blockdev()), "run", seed)
    disk.off = one.run.process.kill
    promised = -1
    try:
        while (line := one.line()) is not None:
            assert line == str(promised + 1), line
            promised += 1
            if promised == 0:
                disk.cut = disk.events + 1 + some.randrange(EVENTS)
            one.go_on()
    finally:
        log = one.close()
        disk.close()
    assert disk.dead, f"it ended by itself after {promised} steps:\n{log[-3000:]}"
    left, how = disk.after_cut(some)
    print(f"seed {seed}: event {disk.events}, {promised} steps promised, {how}")
    path = folder / f"cut{seed}.img"
    path.write_bytes(left)
    check(config, path, seed, promised)
    path.unlink()


def test_power_cuts(config, image, tmp_path, request):
    """SEED=N in the environment repeats one."""
    first = int(os.environ.get("SEED", 0)) or random.randrange(1, 1 << 30)
    count = 1 if "SEED" in os.environ else 60 if request.config.getoption("long") else 3
    for seed in range(first, first + count):
        cut(config, image, tmp_path, seed)


def test_record_is_what_qemu_logs(config, image, tmp_path):
    """The record from which the images are made, against the one of QEMU's own driver above it."""
    disk = PowerDisk(image, tmp_path / "socket", 1)
    (tmp_path / "log").write_bytes(b"")
    below = disk.blockdev().replace("driver=", "file.driver=").replace("server.", "file.server.")
    logged = f"driver=blklogwrites,{below},log.driver=file,log.filename={tmp_path}/log"
    one = start(config, machine.Disk("", blockdev=logged), "some", 7, 60)
    try:
        said, status, _ = one.finish()
        assert (status, said) == (0, [str(n) for n in range(61)])
    finally:
        disk.close()
    writes, flushes = log_writes(tmp_path / "log")
    assert Counter(writes) == Counter((w.at, w.data) for w in disk.writes)
    assert len(disk.flushes) >= flushes > 60  # each step needs one; QEMU passes on more
    replayed = bytearray(image)
    for at, data in writes:
        replayed[at:at + len(data)] = data
    assert replayed == disk.image
    (tmp_path / "image").write_bytes(disk.image)
    check(config, tmp_path / "image", 7, 61)
