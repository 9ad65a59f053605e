// SPDX-License-Identifier: MIT
// The file systems that workloads begin with: made by mke2fs, filled by the kernel.
#include "crash.h"

#include "native.h"
#include <stdio.h>
#include <string.h>

#define OLD  "none,filetype,sparse_super,large_file,ext_attr,dir_index,resize_inode,has_journal"
#define EXT4 OLD ",extent,flex_bg,huge_file,dir_nlink,extra_isize"
#define FULL EXT4 ",64bit,metadata_csum"

const struct feature_set feature_sets[] = {
    {"ext4-1k", "-b 1024 -I 256 -O " FULL, "ext4", "", 3, false},
    {"debian13", "-b 1024 -I 256 -O " FULL ",metadata_csum_seed,orphan_file", "ext4", "", 3, false},
    {"ext3-tight", "-b 1024 -I 128 -O " OLD, "ext3", "", 2, true},
    {"indirect", "-b 1024 -I 256 -O " FULL ",^extent,^64bit", "ext4", "", 3, false},
    {"data-journal", "-b 1024 -I 256 -O " FULL, "ext4", "data=journal", 3, false},
    {"ext4-1k-tight", "-b 1024 -I 256 -O " FULL, "ext4", "", 2, true},
    {"ext3", "-b 1024 -I 256 -O " OLD, "ext3", "", 3, false},
    {"no-64bit", "-b 1024 -I 256 -O " FULL ",^64bit", "ext4", "", 3, false},
    {"uninit_bg", "-b 1024 -I 256 -O " EXT4 ",uninit_bg", "ext4", "", 3, false},
    {"inline_data", "-b 1024 -I 256 -O " FULL ",inline_data", "ext4", "", 3, false},
    {"meta_bg", "-b 1024 -I 256 -O " FULL ",meta_bg,^resize_inode", "ext4", "", 3, false},
    {"debian12", "-b 4096 -I 256 -O " FULL, "ext4", "", 8, false},
};
const u32 feature_set_count = ARRAY_SIZE(feature_sets);

char crash_folder[64];
static u8 *images[ARRAY_SIZE(feature_sets)];

const u8 *image_of(u32 set)
{
    return images[set];
}

static void populate_scenario(void)
{
    const struct feature_set *s = &feature_sets[crash_set];
    int err = crash_mount(disk_one);

    if (err)
        panic("%s: a fresh file system cannot be mounted: error %d", s->name, err);
    workload_populate(s->tight);
    crash_unmount();
    memcpy(images[crash_set], disk_one->image, (u64)s->megabytes << 20);
    native_exit(0);
}

static void populate(void)
{
    native_exit(host_run(populate_scenario, 1, 0));
}

static void image_make(u32 set)
{
    const struct feature_set *s = &feature_sets[set];
    u64 size = (u64)s->megabytes << 20;
    char command[500], path[100], said[1000];

    snprintf(path, sizeof(path), "%s/new", crash_folder);
    snprintf(command, sizeof(command),
             "MKE2FS_CONFIG=/dev/null mke2fs -q -F -N 64 -E lazy_itable_init=0,lazy_journal_init=0 "
             "%s %s %uM",
             s->mke2fs, path, s->megabytes);
    images[set] = native_shared(size);
    if (native_run((char *const[]){"sh", "-c", command, NULL}, said, sizeof(said)) ||
        native_read(path, images[set], size) != (long)size) {
        fprintf(stderr, "failed: %s\n%s", command, said);
        native_exit(1);
    }
    native_remove(path);
    crash_set = set;
    if (native_apart(populate, NULL, 60)) {
        fprintf(stderr, "%s cannot be prepared\n", s->name);
        native_exit(1);
    }
}

void images_make(void)
{
    for (u32 set = 0; set < feature_set_count; set++)
        image_make(set);
}
