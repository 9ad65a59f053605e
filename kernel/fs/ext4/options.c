// SPDX-License-Identifier: MIT
// Mount options of ext4, as mount(8) passes them on.
#include "base/log.h"
#include "fs/ext4/super.h"
#include "lib/parse.h"
#include "lib/string.h"

struct choice {
    const char *word;
    int value;
};

static const struct choice errors_choices[] = {
    {"errors=continue", EXT4_ERRORS_CONTINUE},
    {"errors=remount-ro", EXT4_ERRORS_RO},
    {"errors=panic", EXT4_ERRORS_PANIC},
};
static const struct choice data_choices[] = {
    {"data=ordered", EXT4_DATA_ORDERED},
    {"data=writeback", EXT4_DATA_WRITEBACK},
    {"data=journal", EXT4_DATA_JOURNAL},
};
// What is so anyway, or changes nothing that a program can see.
static const char *const ignored[] = {"user_xattr", "acl",           "delalloc",  "barrier",
                                      "barrier=1",  "relatime",      "defaults",  "rw",
                                      "ro",         "auto_da_alloc", "nodiscard", "init_itable"};

static bool choose(const struct choice *choices, unsigned n, const char *word, int *out)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(choices[i].word, word))
            continue;
        *out = choices[i].value;
        return true;
    }
    return false;
}

static int option_parse(const char *word, struct ext4_options *o)
{
    u64 seconds;

    if (choose(errors_choices, ARRAY_SIZE(errors_choices), word, &o->errors) ||
        choose(data_choices, ARRAY_SIZE(data_choices), word, &o->data_mode))
        return 0;
    if (!strcmp(word, "noload") || !strcmp(word, "norecovery")) {
        o->noload = true;
        return 0;
    }
    if (!strncmp(word, "commit=", 7) && !parse_u64(word + 7, NULL, 10, &seconds) &&
        seconds < 3600) {
        o->commit_interval = seconds * NS_PER_SEC;
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ignored); i++)
        if (!strcmp(ignored[i], word))
            return 0;
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
