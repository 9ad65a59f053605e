// SPDX-License-Identifier: MIT
// Mount options of ext4, as mount(8) passes them on.
#include "base/log.h"
#include "fs/ext4/super.h"
#include "lib/parse.h"
#include "lib/string.h"

enum { ERRORS, DATA, NOLOAD, NOTHING }; // what a word sets; the last: nothing that shows

static const struct {
    const char *key, *value;
    u8 sets, to;
} words[] = {
    {"errors", "continue", ERRORS, EXT4_ERRORS_CONTINUE},
    {"errors", "remount-ro", ERRORS, EXT4_ERRORS_RO},
    {"errors", "panic", ERRORS, EXT4_ERRORS_PANIC},
    {"data", "ordered", DATA, EXT4_DATA_ORDERED},
    {"data", "writeback", DATA, EXT4_DATA_WRITEBACK},
    {"data", "journal", DATA, EXT4_DATA_JOURNAL},
    {"noload", NULL, NOLOAD, true},
    {"norecovery", NULL, NOLOAD, true},
    {"user_xattr", NULL, NOTHING, 0},
    {"acl", NULL, NOTHING, 0},
    {"delalloc", NULL, NOTHING, 0},
    {"barrier", NULL, NOTHING, 0},
    {"barrier", "1", NOTHING, 0},
    {"relatime", NULL, NOTHING, 0},
    {"defaults", NULL, NOTHING, 0},
    {"rw", NULL, NOTHING, 0},
    {"ro", NULL, NOTHING, 0},
    {"auto_da_alloc", NULL, NOTHING, 0},
    {"nodiscard", NULL, NOTHING, 0},
    {"init_itable", NULL, NOTHING, 0},
};

static bool same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static int option_apply(void *arg, const char *key, const char *value)
{
    struct ext4_options *o = arg;
    int ignored, *sets[] = {&o->errors, &o->data_mode, &o->noload, &ignored};
    u64 seconds;

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (!same(words[i].key, key) || !same(words[i].value, value))
            continue;
        *sets[words[i].sets] = words[i].to;
        return 0;
    }
    if (same(key, "commit") && value && !parse_u64(value, NULL, 10, &seconds) && seconds < 3600) {
        o->commit_interval = seconds * NS_PER_SEC;
        return 0;
    }
    log_info("ext4: unknown mount option: %s%s%s", key, value ? "=" : "", value ?: "");
    return -EINVAL;
}

int ext4_options_parse(const char *text, struct ext4_options *out)
{
    *out = (struct ext4_options){.errors = -1, .data_mode = -1};
    return options_each(text, option_apply, out);
}
