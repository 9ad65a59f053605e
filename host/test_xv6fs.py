# SPDX-License-Identifier: MIT
"""The maker and the checker of xv6 images: what is made is what was given, and damage is seen."""
import os
import random
import struct
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]

import xv6fs  # noqa: E402

BLOCK = 1024
INODES = 32 * BLOCK
BITMAP = 45 * BLOCK


def tool(*arguments):
    return subprocess.run([sys.executable, "-B", os.path.join(HERE, "xv6fs.py"), *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True)


@pytest.fixture
def tree(tmp_path):
    tree = tmp_path / "tree"
    (tree / "d/e").mkdir(parents=True)
    (tree / "d/large").write_bytes(random.Random(1).randbytes(300 * BLOCK + 5))
    (tree / "d/e/small").write_bytes(b"small")
    os.link(tree / "d/e/small", tree / "again")
    os.symlink("d/e/small", tree / "link")
    return tree


@pytest.fixture
def image(tmp_path, tree):
    path = tmp_path / "image"
    assert tool("make", str(path), str(tree)).returncode == 0
    return path


def test_made(image, tree):
    assert tool("check", str(image)).stdout == ""
    found = xv6fs.Image(image)
    inodes = found.tree()
    assert sorted(inodes) == ["/again", "/d", "/d/e", "/d/e/small", "/d/large", "/link"]
    assert found.contents(inodes["/d/large"]) == (tree / "d/large").read_bytes()
    assert found.contents(inodes["/link"]) == b"d/e/small"
    assert inodes["/again"].number == inodes["/d/e/small"].number
    assert [inodes[p].nlink for p in ("/again", "/d", "/d/e")] == [2, 2, 1]
    assert all(inodes["/d/large"].addresses)


@pytest.mark.parametrize("blocks", (8191, 8192, 8193))
def test_bitmap_ends_with_a_block(tmp_path, tree, blocks):
    image = str(tmp_path / "image")
    assert tool("make", image, str(tree), "--blocks", str(blocks)).returncode == 0
    assert tool("check", image).stdout == ""


@pytest.mark.parametrize("length", (0, 1024, 1040, 40 * 1024))
def test_cut_short(image, length):
    os.truncate(image, length)
    result = tool("check", str(image))
    assert (result.returncode, result.stderr) == (1, "")
    assert "no xv6 file system" in result.stdout


def test_what_does_not_fit(tmp_path, tree):
    image = str(tmp_path / "image")
    for options, message in ((("--blocks", "300"), "does not fit"), (("--inodes", "6"), "inodes"),
                             (("--blocks", "40"), "sizes"), (("--log", "10"), "sizes")):
        result = tool("make", image, str(tree), *options)
        assert result.returncode == 1 and message in result.stderr, result
    (tree / "fifteen_letters").write_bytes(b"")
    assert "longer than 14" in tool("make", image, str(tree)).stderr
    (tree / "fifteen_letters").unlink()
    os.symlink("x" * 1025, tree / "long")
    assert "longer than 1024" in tool("make", image, str(tree)).stderr


def entry(image, name):
    """Where the entry of a name is."""
    at = image.index(name.ljust(14, b"\0"), 46 * BLOCK) - 2
    assert at % 16 == 0
    return at


@pytest.mark.parametrize("change, complaint", (
    (lambda d: d.__setitem__(BITMAP + 10, 0), "the bitmap differs"),
    (lambda d: d.__setitem__(BITMAP + 100, 1), "the bitmap differs"),
    (lambda d: d.__setitem__(2 * BLOCK, 1), "the log holds 1 blocks"),
    (lambda d: struct.pack_into("<h", d, INODES + 64 + 6, 3), "3 links, 2 names"),
    (lambda d: struct.pack_into("<h", d, INODES + 64 * 150, 2), "0 links, 0 names"),
    (lambda d: struct.pack_into("<I", d, INODES + 64 + 8, 90), "without . and .."),
    (lambda d: struct.pack_into("<I", d, INODES + 64 + 12, 5), "outside of the data"),
    (lambda d: struct.pack_into("<H", d, entry(d, b"again"), 3), "leads to no inode|links"),
    (lambda d: struct.pack_into("<H", d, entry(d, b"again"), 199), "leads to no inode"),
    (lambda d: struct.pack_into("<3s", d, entry(d, b"link") + 2, b"a/b"), "cannot be"),
    (lambda d: struct.pack_into("<H", d, entry(d, b"e"), 1), "its .. is not where its name is"),
    (lambda d: struct.pack_into("<I", d, BLOCK, 0), "no xv6 file system"),
))
def test_damage(image, change, complaint):
    data = bytearray(image.read_bytes())
    change(data)
    image.write_bytes(data)
    result = tool("check", str(image))
    assert result.returncode == 1
    assert any(text in result.stdout for text in complaint.split("|")), result.stdout


def test_shared_block(image):
    data = bytearray(image.read_bytes())
    inodes = xv6fs.Image(image).tree()
    first = inodes["/link"].addresses[0]
    struct.pack_into("<I", data, INODES + 64 * inodes["/d/e/small"].number + 12, first)
    image.write_bytes(data)
    assert f"block {first} belongs to" in tool("check", str(image)).stdout


def test_replay(image):
    """A log that holds a block counts as written for --crashed."""
    data = bytearray(image.read_bytes())
    at = entry(data, b"again") // BLOCK
    struct.pack_into("<2I", data, 2 * BLOCK, 1, at)
    data[3 * BLOCK:4 * BLOCK] = data[at * BLOCK:(at + 1) * BLOCK]
    data[at * BLOCK:(at + 1) * BLOCK] = bytes(BLOCK)
    image.write_bytes(data)
    assert tool("check", str(image)).returncode == 1
    assert tool("check", str(image), "--crashed").returncode == 0
    struct.pack_into("<I", data, 2 * BLOCK + 4, 5)
    image.write_bytes(data)
    assert "header is damaged" in tool("check", str(image), "--crashed").stdout
