# SPDX-License-Identifier: MIT
# Builds Rivulet. Everything goes to $(BUILD); nothing is configured but these:
#
#   make [all|kernel|user|firmware|initramfs]   DEBUG=0|1  UACCESS=walk|sum  BUILD=dir
#   make clean | format | compile_commands.json
#
# Commands are not shown unless V=1 is given.
#
# A variant of the kernel is built in $(BUILD)/{release,debug}-{walk,sum}: kernel.elf, Image.

BUILD   ?= build
DEBUG   ?= 0
UACCESS ?= walk
CROSS   ?= riscv64-linux-gnu-
PYTHON  ?= /usr/bin/python3

override BUILD := $(abspath $(BUILD))
OBJ := $(BUILD)/$(if $(filter 1,$(DEBUG)),debug,release)-$(UACCESS)
ARCH := kernel/arch/riscv

ifeq ($(filter 0 1,$(DEBUG)),)
$(error DEBUG is 0 or 1)
endif
ifeq ($(filter walk sum,$(UACCESS)),)
$(error UACCESS is walk or sum)
endif

CC := $(CROSS)gcc
LD := $(CROSS)ld

MACHINE  := -march=rv64imac_zicsr_zifencei -mabi=lp64
INCLUDES := -I. -Ikernel -I$(ARCH)/include
WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla \
	-Wno-unused-parameter -Wno-sign-compare
COMMON   := -std=gnu11 -O2 -g -ffreestanding -fno-builtin-printf -fno-common -fno-stack-protector \
	-fno-strict-aliasing -fno-delete-null-pointer-checks -mno-relax -mstrict-align $(MACHINE) \
	$(WARNINGS) -DDEBUG=$(DEBUG) -DUACCESS_SUM=$(if $(filter sum,$(UACCESS)),1,0) -ffile-prefix-map=$(CURDIR)/=
CFLAGS   := $(COMMON) -mcmodel=medany -fno-omit-frame-pointer -fno-pic $(INCLUDES) \
	$(if $(filter 1,$(DEBUG)),-fsanitize=undefined)
LDFLAGS  := -nostdlib -static --no-relax --build-id=none -z max-page-size=4096 -z noexecstack \
	--fatal-warnings --no-warn-rwx-segments

# Every source under kernel/, but for the vDSO, which is built by itself, and the other way to user
# memory.
VDSO_LDS := $(wildcard kernel/proc/vdso/vdso.lds)
SOURCES := $(filter-out kernel/arch/host/% kernel/proc/vdso/% $(if $(filter walk,$(UACCESS)),$(ARCH)/uaccess_sum.S), \
	$(sort $(shell find kernel -name '*.[cS]')))
OBJECTS := $(SOURCES:%=$(OBJ)/%.o)

all: kernel firmware user initramfs
kernel: $(OBJ)/kernel.elf $(OBJ)/Image

$(OBJ)/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wa,-I$(OBJ) -MMD -MP -c -o $@ $<

# The compiler must not turn the loops of memcpy and memset into calls of themselves.
$(OBJ)/kernel/lib/string.c.o: CFLAGS += -fno-tree-loop-distribute-patterns

# The vDSO is a shared object of its own, and embedded by kernel/proc/vdso_image.S.
ifneq ($(VDSO_LDS),)
$(OBJ)/vdso.so: $(VDSO_LDS) $(wildcard kernel/proc/vdso/*) Makefile
	@mkdir -p $(@D)
	$(CC) $(filter-out -DDEBUG=%,$(COMMON)) -DDEBUG=0 $(INCLUDES) -fPIC -shared -nostdlib \
		-fasynchronous-unwind-tables -Wl,-T,$(VDSO_LDS) -Wl,--hash-style=both \
		-Wl,--build-id=none -Wl,-s -Wl,-soname=linux-vdso.so.1 -Wl,--no-relax -MMD -MP \
		-MF $(OBJ)/vdso.d -MT $@ -o $@ $(filter %.c %.S,$^)

$(OBJ)/kernel/proc/vdso_image.S.o: $(OBJ)/vdso.so
endif

# Linked twice: with an empty symbol table, and with the one made from that first link. The table
# lies behind the code, whose addresses therefore stay; symtab.py --check proves it.
KSYM := $(OBJ)/ksym
LINK = $(LD) $(LDFLAGS) -T $(ARCH)/kernel.ld -o $@ $(filter %.o,$^)

$(KSYM)0.S: host/symtab.py
	@mkdir -p $(@D)
	$(PYTHON) host/symtab.py $@

$(KSYM)1.S: $(OBJ)/kernel.pass1.elf host/symtab.py
	$(CROSS)nm -n $< | $(PYTHON) host/symtab.py $@ -

$(KSYM)%.o: $(KSYM)%.S
	$(CC) $(MACHINE) -c -o $@ $<

$(OBJ)/kernel.pass1.elf: $(OBJECTS) $(KSYM)0.o $(ARCH)/kernel.ld
	$(LINK)

$(OBJ)/kernel.elf: $(OBJECTS) $(KSYM)1.o $(ARCH)/kernel.ld
	$(LINK)
	$(CROSS)nm -n $@ | $(PYTHON) host/symtab.py --check $(KSYM)1.S - || { rm $@; exit 1; }

$(OBJ)/Image: $(OBJ)/kernel.elf
	$(CROSS)objcopy -O binary $< $@

firmware:
	+$(MAKE) --no-print-directory -C firmware BUILD=$(BUILD)

user:
	+$(MAKE) --no-print-directory -C user BUILD=$(BUILD)

initramfs: user
	$(PYTHON) host/mkinitramfs.py --build $(BUILD) -o $(BUILD)/initramfs.cpio

clean:
	rm -rf $(BUILD)

C_DIRS := $(wildcard kernel abi user firmware tests)

format:
	find $(C_DIRS) -name '*.[ch]' -print0 | xargs -0 clang-format -i

compile_commands.json: Makefile
	$(PYTHON) host/compdb.py $@ $(CC) $(CFLAGS) -- $(filter %.c,$(SOURCES))

# The compiler and its flags, for the lint.
flags:
	@echo $(CC) $(CFLAGS)

-include $(OBJECTS:.o=.d) $(wildcard $(OBJ)/vdso.d)

ifndef V
MAKEFLAGS += -s
endif
.PHONY: all kernel firmware user initramfs clean format compile_commands.json flags
.SECONDARY:
.DELETE_ON_ERROR:
