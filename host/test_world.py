# SPDX-License-Identifier: MIT
"""The pieces of the world: unpacking, the loader's cache, owners in the image. Nothing is fetched."""
import io
import os
import subprocess
import sys
import tarfile

import pytest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import ldcache  # noqa: E402
import mkroot  # noqa: E402
import world  # noqa: E402


def unpack(root, *members):
    """`members` are (name, type, mode, uid, gid, data or target)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, kind, mode, uid, gid, rest in members:
            m = tarfile.TarInfo(name)
            m.type, m.mode, m.uid, m.gid = kind, mode, uid, gid
            if kind == tarfile.REGTYPE:
                m.size = len(rest)
                archive.addfile(m, io.BytesIO(rest))
            else:
                m.linkname = rest
                archive.addfile(m)
    data.seek(0)
    with tarfile.open(fileobj=data, mode="r|") as archive:
        for m in archive:
            root.member(archive, m)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return world.Root(str(tmp_path / "root"))


def test_unpack(root):
    unpack(root, ("./", tarfile.DIRTYPE, 0o700, 0, 0, ""),
           ("./bin", tarfile.SYMTYPE, 0o777, 0, 0, "usr/bin"),
           ("./lib/x", tarfile.DIRTYPE, 0o2555, 0, 50, ""),
           ("./lib/x/a", tarfile.REGTYPE, 0o4711, 3, 4, b"abc"),
           ("./usr/lib/x/b", tarfile.LNKTYPE, 0o4711, 3, 4, "./lib/x/a"),
           ("./lib/x/a2", tarfile.SYMTYPE, 0o777, 0, 0, "a"))
    unpack(root, ("./usr/lib/x/a2", tarfile.REGTYPE, 0o644, 0, 0, b"new"))
    root.finish()
    place = os.path.join(root.folder, "usr/lib/x")
    assert os.stat(place + "/a").st_mode & 0o7777 == 0o4711
    assert os.path.samefile(place + "/a", place + "/b")
    assert os.stat(place).st_mode & 0o7777 == 0o2555
    assert not os.path.islink(place + "/a2")
    assert root.owners["usr/lib/x/a"] == root.owners["usr/lib/x/b"] == (3, 4)
    assert root.owners["usr/lib/x"] == (0, 50)


@pytest.mark.parametrize("name", ("../x", "usr/../../x", "out/x", "usr/out/x"))
def test_unpack_stays_inside(root, tmp_path, name):
    (tmp_path / "away").mkdir()
    for link in ("out", "usr/out"):
        os.symlink(str(tmp_path / "away"), os.path.join(root.folder, link))
    with pytest.raises(world.Error):
        unpack(root, (name, tarfile.REGTYPE, 0o644, 0, 0, b""))
    assert os.listdir(tmp_path / "away") == []


def test_setup_lines(root):
    world.setup_line(root, ["directory", "1777", "/var/tmp"])
    root.file("usr/bin/one", b"1", 0o755)
    world.setup_line(root, ["copy", "/usr/bin/one", "/etc/deep/two"])
    world.setup_line(root, ["copy", "/usr/bin/none", "/etc/three"])
    world.setup_line(root, ["link", "/usr/bin/x", "/usr/bin/none", "/usr/bin/one"])
    world.setup_line(root, ["link", "/usr/bin/y", "/usr/bin/none"])
    world.setup_line(root, ["symlink", "/var/run", "/run"])
    with pytest.raises(world.Error):
        world.setup_line(root, ["remove", "/"])
    root.finish()
    top = root.folder
    assert os.stat(top + "/var/tmp").st_mode & 0o7777 == 0o1777
    assert open(top + "/etc/deep/two", "rb").read() == b"1"
    assert not root.exists("/etc/three") and not root.exists("/usr/bin/y")
    assert os.readlink(top + "/usr/bin/x") == "/usr/bin/one" and os.readlink(top + "/var/run") == "/run"


def test_lists():
    assert "base" in world.lists()
    for name in world.lists():
        names = world.packages(name)
        assert "libc-bin" in names and len(names) == len(set(names))
    with pytest.raises(world.Error):
        world.packages("none")


def test_image_has_the_owners(root, tmp_path):
    unpack(root, ("./usr/bin/s", tarfile.REGTYPE, 0o2755, 0, 42, b"x"),
           ("./etc", tarfile.DIRTYPE, 0o755, 0, 0, ""),
           ("./etc/own file", tarfile.REGTYPE, 0o600, 7, 8, b"x"))
    root.finish()
    image = str(tmp_path / "image")
    mkroot.image(root.folder, root.owners, image, "16M")
    for name, want in (("/usr/bin/s", (0, 42, "2755")), ("/etc/own file", (7, 8, "600")),
                       ("/usr/lib", (0, 0, "755"))):
        text = subprocess.run(["debugfs", "-R", f'stat "{name}"', image], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=True,
                              env=dict(os.environ, PATH=mkroot.PATH)).stdout.split()
        seen = [text[text.index(word) + 1] for word in ("User:", "Group:", "Mode:")]
        assert (int(seen[0]), int(seen[1]), seen[2].lstrip("0")) == want


def test_cache_order():
    names = ["libc.so.6", "libc.so.10", "libbz2.so.1", "libblkid.so.1", "ld-linux.so.1", "libz.so.1"]
    by_loader = sorted(names, key=ldcache.functools.cmp_to_key(ldcache.compare), reverse=True)
    assert by_loader == ["libz.so.1", "libc.so.10", "libc.so.6", "libbz2.so.1", "libblkid.so.1",
                         "ld-linux.so.1"]


def test_cache_names(tmp_path):
    """Of a real library, links to it, and what is none."""
    library = "/usr/riscv64-linux-gnu/lib/libm.so.6"
    assert ldcache.soname(library) == "libm.so.6"
    os.symlink("libm-2.so", tmp_path / "libm.so.6")
    os.symlink("libm-2.so", tmp_path / "libm.so")
    os.symlink("nowhere", tmp_path / "libgone.so.1")
    (tmp_path / "libc.so").write_text("a script of the linker")
    (tmp_path / "libm-2.so").write_bytes(open(library, "rb").read())
    data = ldcache.make({"/lib": sorted(os.listdir(tmp_path))},
                        lambda p: str(tmp_path / os.path.basename(p)))
    assert data.startswith(b"glibc-ld.so.cache1.1\1\0\0\0")
    assert data.endswith(b"/lib/libm.so.6\0") and data.count(b"/lib/") == 1
