# SPDX-License-Identifier: MIT
"""The lint finds what it is there to find: each test plants one violation in a small tree."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import lint  # noqa: E402

SPDX = "// SPDX-License-Identifier: MIT\n"
LAYERS = "# the order\n0 abi\n0 kernel/lib\n1 kernel/arch\n3 kernel/mm\n4 kernel/sched\n4 kernel/net\n"


@pytest.fixture
def plant(tmp_path):
    """plant({path: text}): the tree, with an SPDX line put before each text."""
    def write(files):
        (tmp_path / "LAYERS").write_text(LAYERS)
        clean = {"kernel/lib/list.h": "#pragma once\n", "kernel/mm/frame.h": '#include "lib/list.h"\n',
                 "kernel/sched/sched.h": '#include "mm/frame.h"\n'}
        for path, text in {**clean, **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(SPDX + text)
        return lint.Tree(str(tmp_path))
    return write


def found(check, tree):
    return [(path, line) for path, line, _ in check(tree)]


def function(lines, name="f"):
    return f"int {name}(void)\n{{\n" + "    g();\n" * lines + "}\n"


def test_clean_tree(plant):
    tree = plant({"kernel/mm/frame.c": '#include <stddef.h>\n#include "mm/frame.h"\n' + function(3)})
    for check in lint.CHECKS:
        assert found(check, tree) == []


@pytest.mark.parametrize("path, name", [
    ("kernel/mm/a.c", "sched/sched.h"),  # up
    ("kernel/net/a.c", "sched/sched.h"),  # sideways
    ("kernel/mm/a.c", "mm/none.h"),  # nowhere
    ("abi/a.h", "lib/list.h"),  # the ABI knows nothing
    ("kernel/odd/a.c", "lib/list.h"),  # a folder without a layer
])
def test_layers(plant, path, name):
    assert len(found(lint.check_layers, plant({path: f'#include "{name}"\n'}))) == 1


def test_system_header(plant):
    tree = plant({"kernel/mm/a.c": "#include <stdio.h>\n"})
    assert found(lint.check_layers, tree) == [("kernel/mm/a.c", 2)]


def test_include_cycle(plant):
    tree = plant({"kernel/mm/a.h": '#include "mm/b.h"\n', "kernel/mm/b.h": '#include "mm/a.h"\n'})
    assert len(found(lint.check_include_cycles, tree)) == 1


@pytest.mark.parametrize("name", ["mm_private.h", "internal.h"])
def test_private_header(plant, name):
    tree = plant({f"kernel/mm/{name}": "", "kernel/mm/a.c": f'#include "mm/{name}"\n',
                  "kernel/sched/a.c": f'#include "mm/{name}"\n'})
    assert found(lint.check_private_headers, tree) == [("kernel/sched/a.c", 2)]


def test_file_length(plant):
    tree = plant({"kernel/mm/a.c": "\n" * 799, "kernel/mm/b.c": "\n" * 800})
    assert found(lint.check_lengths, tree) == [("kernel/mm/b.c", 801)]


def test_function_length(plant):
    short = "".join(function(1, f"s{i}") for i in range(20))
    tree = plant({"kernel/mm/a.c": function(100) + short, "kernel/mm/b.c": function(101)})
    assert found(lint.check_lengths, tree) == [("kernel/mm/b.c", 3)]


def test_function_median(plant):
    tree = plant({"kernel/mm/a.c": function(15) + function(15, "g")})
    assert found(lint.check_lengths, tree) == [("kernel", 0)]


def test_function_nine_tenths(plant):
    text = "".join(function(1, f"s{i}") for i in range(8)) + function(45) + function(45, "g")
    assert found(lint.check_lengths, plant({"kernel/mm/a.c": text})) == [("kernel", 0)]


def test_kernel_size(plant, monkeypatch):
    tree = plant({"kernel/mm/a.c": "int a; // x\n/* b\n c */ int d;\n\n"})
    assert tree.code_lines("kernel/mm/a.c") == 2
    monkeypatch.setattr(lint, "KERNEL_MAX", 5)
    assert found(lint.check_kernel_size, tree) == [("kernel", 0)]


def test_spdx(plant, tmp_path):
    tree = plant({})
    (tmp_path / "kernel/lib/list.h").write_text("#pragma once\n" + SPDX)
    assert found(lint.check_spdx, tree) == [("kernel/lib/list.h", 1)]


@pytest.mark.parametrize("text", ["// TO" "DO: x\n", "int a; /* X" "XX */\n", "// /wo" "rk/main/a\n",
                                  "// see issue " "7\n"])
def test_words(plant, text):
    assert found(lint.check_words, plant({"kernel/mm/a.c": text})) == [("kernel/mm/a.c", 2)]


def test_conditionals(plant):
    body = "#ifdef A\nint a;\n#endif\nint f(void)\n{\n#ifdef A\n    g();\n#endif\n}\n"
    tree = plant({"kernel/mm/a.c": body, "kernel/arch/riscv/a.c": body})
    assert found(lint.check_conditionals, tree) == [("kernel/mm/a.c", 7)]


def test_upcalls(plant):
    path = "kernel/arch/riscv/include/arch/upcalls.h"
    text = "extern int up_table[3];\n" + "".join(f"void up_f{i}(int a);\n" for i in range(12))
    assert found(lint.check_upcalls, plant({path: text})) == []
    assert len(found(lint.check_upcalls, plant({path: text + "void *up_x(void);\n"}))) == 1


def test_function_names(plant):
    tree = plant({"kernel/mm/a.c": "static struct a *f(int a,\n                   int b)\n{\n    x();\n}\n"
                                   "struct s {\n    int a;\n};\nint t[] = {\n    1,\n};\n"
                                   "void g(void) __attribute__((noreturn));\nvoid g(void)\n{\n}\n"})
    assert [(f.name, f.length) for f in tree.functions("kernel/mm/a.c")] == [("f", 1), ("g", 0)]


def test_headers_and_format(tmp_path, plant):
    tree = plant({"kernel/mm/bad.h": "struct a {\n    size_t x;\n};\n", "kernel/mm/ugly.c": "int  a ;\n"})
    (tmp_path / "Makefile").write_text("flags:\n\techo riscv64-linux-gnu-gcc -Werror -I. -Ikernel\n")
    (tmp_path / ".clang-format").write_text("BasedOnStyle: LLVM\nIndentWidth: 4\n")
    assert found(lint.check_headers, tree) == [("kernel/mm/bad.h", 1)]
    assert found(lint.check_format, tree) in ([], [("kernel/mm/ugly.c", 2)])
