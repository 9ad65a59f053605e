// SPDX-License-Identifier: MIT
// Mount options of ext4, as mount(8) passes them on.
#include "base/log.h"
#include "fs/ext4/super.h"
#include "lib/parse.h"
#include "lib/string.h"

enum { ERRORS, DATA, NOLOAD, NOTHING }; // what a word sets; the last: nothing that shows

static const struct {
    const char *word;
    u8 sets, value;
} words[] = {
    {"errors=continue", ERRORS, EXT4_ERRORS_CONTINUE},
    {"errors=remount-ro", ERRORS, EXT4_ERRORS_RO},
    {"errors=panic", ERRORS, EXT4_ERRORS_PANIC},
    {"data=ordered", DATA, EXT4_DATA_ORDERED},
    {"data=writeback", DATA, EXT4_DATA_WRITEBACK},
    {"data=journal", DATA, EXT4_DATA_JOURNAL},
    {"noload", NOLOAD, true},
    {"norecovery", NOLOAD, true},
    {"user_xattr", NOTHING, 0},
    {"acl", NOTHING, 0},
    {"delalloc", NOTHING, 0},
    {"barrier", NOTHING, 0},
    {"barrier=1", NOTHING, 0},
    {"relatime", NOTHING, 0},
    {"defaults", NOTHING, 0},
    {"rw", NOTHING, 0},
    {"ro", NOTHING, 0},
    {"auto_da_alloc", NOTHING, 0},
    {"nodiscard", NOTHING, 0},
    {"init_itable", NOTHING, 0},
};

static int option_parse(const char *word, struct ext4_options *o)
{
    int ignored, *sets[] = {&o->errors, &o->data_mode, &o->noload, &ignored};
    u64 seconds;

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(words[i].word, word))
            continue;
        *sets[words[i].sets] = words[i].value;
        return 0;
    }
    if (!strncmp(word, "commit=", 7) && !parse_u64(word + 7, NULL, 10, &seconds) &&
        seconds < 3600) {
        o->commit_interval = seconds * NS_PER_SEC;
        return 0;
    }
    log_info("ext4: unknown mount option: %s", word);
    return -EINVAL;
}

int ext4_options_parse(const char *text, struct ext4_options *out)
{
    char word[64];
    int err = 0;

    *out = (struct ext4_options){.errors = -1, .data_mode = -1};
    while (!err && text && *text) {
        const char *end = strchr(text, ',');
        size_t n = end ? end - text : strlen(text);

        if (n >= sizeof(word))
            return -EINVAL;
        memcpy(word, text, n);
        word[n] = '\0';
        err = n ? option_parse(word, out) : 0;
        text += n + (end != NULL);
    }
    return err;
}
