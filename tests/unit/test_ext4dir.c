// SPDX-License-Identifier: MIT
// ext4's directory blocks and name hashes, hostile blocks too, against naive models. The hashes are
// those that `debugfs -R "dx_hash -h VERSION -s SEED NAME"` of e2fsprogs 1.47 answers.
#include "unit.h"

#include "abi/errno.h"
#include "fs/ext4/items.h"

#define FIFTEEN "fffffffffffffff"
#define SIXTY   FIFTEEN FIFTEEN FIFTEEN FIFTEEN
#define LONGEST SIXTY SIXTY SIXTY SIXTY FIFTEEN

static const char *const hash_names[] = {
    "a",
    "hello",
    "a-name-of-more-than-thirty-two-characters.txt",
    "caf\303\251",
    "\377\3760123456789abcdef0123456789\200x\201",
    LONGEST,
};

// The UUID 3dd5a4c0-1234-4e5f-8899-aabbccddeeff as four little-endian words, and none.
static const u32 hash_seeds[2][4] = {{0}, {0xc0a4d53d, 0x5f4e3412, 0xbbaa9988, 0xffeeddcc}};

static const struct {
    u8 version, seed, name;
    u32 major, minor;
} hashes[] = {
    {0, 0, 0, 0xe74b53e2, 0x00000000}, {0, 0, 1, 0x32252546, 0x00000000},
    {0, 0, 2, 0x86241876, 0x00000000}, {0, 0, 3, 0x96ca5a2c, 0x00000000},
    {0, 0, 4, 0xeca13c28, 0x00000000}, {0, 0, 5, 0x8582cef2, 0x00000000},
    {1, 0, 0, 0xd5fa7d7a, 0xacb48187}, {1, 1, 0, 0xf8cc8b4a, 0xb6faf0f4},
    {1, 0, 1, 0x1746da32, 0x420013b5}, {1, 1, 1, 0xb6fff93e, 0x838b567d},
    {1, 0, 2, 0xf31cd296, 0xbdbb5321}, {1, 1, 2, 0x7fac998e, 0xdcc25c00},
    {1, 0, 3, 0xfb9c5e5c, 0x0573e8b8}, {1, 1, 3, 0x6c80c54c, 0xc913e2d5},
    {1, 0, 4, 0x9c563c2c, 0x8cd978e7}, {1, 1, 4, 0x812d2064, 0x7ed9d571},
    {1, 0, 5, 0x03654da2, 0xf64a0c6c}, {1, 1, 5, 0x8d5af148, 0xacabcfc1},
    {2, 0, 0, 0x6d0ea4c0, 0xc18922df}, {2, 1, 0, 0xe19d7cba, 0xe118524e},
    {2, 0, 1, 0x6f5bb1a8, 0x231917c2}, {2, 1, 1, 0xa3086768, 0x7f3e9136},
    {2, 0, 2, 0x8b93356a, 0x30cca04e}, {2, 1, 2, 0x83468692, 0x3614e330},
    {2, 0, 3, 0x105842ea, 0xfb9165ca}, {2, 1, 3, 0x6bbe4288, 0x7040440e},
    {2, 0, 4, 0x7cf2bc2c, 0x04967b4e}, {2, 1, 4, 0x5efd21d4, 0x6923d0f9},
    {2, 0, 5, 0xaf38c60c, 0x63658493}, {2, 1, 5, 0xb6cde46c, 0x3595bba7},
    {3, 0, 0, 0xe74b53e2, 0x00000000}, {3, 0, 1, 0x32252546, 0x00000000},
    {3, 0, 2, 0x86241876, 0x00000000}, {3, 0, 3, 0x6dde4230, 0x00000000},
    {3, 0, 4, 0x2ad37842, 0x00000000}, {3, 0, 5, 0x8582cef2, 0x00000000},
    {4, 0, 0, 0xd5fa7d7a, 0xacb48187}, {4, 1, 0, 0xf8cc8b4a, 0xb6faf0f4},
    {4, 0, 1, 0x1746da32, 0x420013b5}, {4, 1, 1, 0xb6fff93e, 0x838b567d},
    {4, 0, 2, 0xf31cd296, 0xbdbb5321}, {4, 1, 2, 0x7fac998e, 0xdcc25c00},
    {4, 0, 3, 0x9d72aed6, 0xf6138c6a}, {4, 1, 3, 0xe8bed682, 0xb8b86bca},
    {4, 0, 4, 0x93e9c67a, 0x8458457d}, {4, 1, 4, 0x34648410, 0xb335cfe2},
    {4, 0, 5, 0x03654da2, 0xf64a0c6c}, {4, 1, 5, 0x8d5af148, 0xacabcfc1},
    {5, 0, 0, 0x6d0ea4c0, 0xc18922df}, {5, 1, 0, 0xe19d7cba, 0xe118524e},
    {5, 0, 1, 0x6f5bb1a8, 0x231917c2}, {5, 1, 1, 0xa3086768, 0x7f3e9136},
    {5, 0, 2, 0x8b93356a, 0x30cca04e}, {5, 1, 2, 0x83468692, 0x3614e330},
    {5, 0, 3, 0x6621f032, 0xf86699c6}, {5, 1, 3, 0x86ad8df0, 0x7923b5ac},
    {5, 0, 4, 0x50a3a368, 0x0930b661}, {5, 1, 4, 0x8d92135a, 0x3fcdeea1},
    {5, 0, 5, 0xaf38c60c, 0x63658493}, {5, 1, 5, 0xb6cde46c, 0x3595bba7},
};

static void test_hashes(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(hashes); i++) {
        const char *name = hash_names[hashes[i].name];
        u32 major, minor;

        assert_int_equal(ext4_name_hash(hash_seeds[hashes[i].seed], hashes[i].version, name,
                                        strlen(name), &major, &minor),
                         0);
        assert_int_equal(major, hashes[i].major);
        assert_int_equal(minor, hashes[i].minor);
    }
    assert_int_equal(ext4_name_hash(hash_seeds[0], EXT4_HASH_SIPHASH, "a", 1, NULL, NULL),
                     -EOPNOTSUPP);
}

/* A block against a list of names */

#define NAMES_MAX 400

static struct {
    char name[256];
    u32 length, ino;
} model[NAMES_MAX];
static unsigned model_count;

static u8 *new_bytes(u32 size) // of its own, so that the sanitizer sees what is read past it
{
    u8 *p = malloc(size);

    assert_non_null(p);
    return p;
}

static void random_name(char *name, u32 *length)
{
    *length = unit_below(4) ? 1 + unit_below(12) : 1 + unit_below(255);
    for (u32 i = 0; i < *length; i++)
        name[i] = 'a' + unit_below(4);
}

static int model_find(const char *name, u32 length)
{
    for (unsigned i = 0; i < model_count; i++)
        if (model[i].length == length && !memcmp(model[i].name, name, length))
            return i;
    return -1;
}

static void check_against_model(const struct dirblock *b)
{
    struct ext4_dirent *e;
    u32 offset = 0;
    unsigned n = 0;

    assert_int_equal(dirblock_check(b), 0);
    while (!dirblock_next(b, &offset, &e)) {
        int at = model_find(e->name, e->name_len);

        assert_true(at >= 0);
        assert_int_equal(e->inode, model[at].ino);
        offset += e->rec_len;
        n++;
    }
    assert_int_equal(offset, b->end);
    assert_int_equal(n, model_count);
}

static void add_one(const struct dirblock *b, u32 ino)
{
    char name[256];
    u32 length, offset;
    int room;

    random_name(name, &length);
    if (model_count == NAMES_MAX || model_find(name, length) >= 0)
        return;
    room = dirblock_room(b, length, &offset);
    assert_true(!room || room == -ENOSPC);
    if (room)
        return;
    dirblock_put(b, offset, name, length, ino, EXT4_FT_REG);
    memcpy(model[model_count].name, name, length);
    model[model_count].length = length;
    model[model_count++].ino = ino;
}

static void remove_one(const struct dirblock *b)
{
    unsigned at = unit_below(model_count);
    u32 offset, before;

    assert_int_equal(dirblock_find(b, model[at].name, model[at].length, &offset), 0);
    assert_int_equal(dirblock_before(b, offset, &before), 0);
    dirblock_remove(b, before, offset);
    assert_int_equal(dirblock_find(b, model[at].name, model[at].length, &offset), -ENOENT);
    model[at] = model[--model_count];
}

static void test_changes(void **state)
{
    static const u32 ends[] = {1024, 1012, 2048, 4096, 4084, 56, 92};

    for (unsigned round = 0; round < 50; round++) {
        u32 end = ends[round % ARRAY_SIZE(ends)];
        struct dirblock b = {new_bytes(end), end};

        dirblock_init(&b);
        model_count = 0;
        for (unsigned step = 1; step < 400; step++) {
            if (model_count && !unit_below(3))
                remove_one(&b);
            else
                add_one(&b, step);
            check_against_model(&b);
        }
        free(b.data);
    }
}

// A block that is filled to its last byte takes the names again that were removed.
static void test_slack_is_used(void **state)
{
    struct dirblock b = {new_bytes(1024), 1024};
    u32 offset, before, count = 0;
    char name[16];

    dirblock_init(&b);
    while (!dirblock_room(&b, 8, &offset)) {
        snprintf(name, sizeof(name), "%08u", count++);
        dirblock_put(&b, offset, name, 8, 12, EXT4_FT_REG);
    }
    assert_int_equal(count, 1024 / 16);
    for (u32 i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%08u", i);
        assert_int_equal(dirblock_find(&b, name, 8, &offset), 0);
        assert_int_equal(dirblock_before(&b, offset, &before), 0);
        dirblock_remove(&b, before, offset);
        assert_int_equal(dirblock_room(&b, 8, &offset), 0);
        dirblock_put(&b, offset, name, 8, 12, EXT4_FT_REG);
        assert_int_equal(dirblock_room(&b, 8, &offset), -ENOSPC);
    }
    free(b.data);
}

/* Hostile blocks */

static void use_all(const struct dirblock *b)
{
    struct ext4_dirent *e;
    u32 offset = 0, seen = 0, before;

    dirblock_check(b);
    while (!dirblock_next(b, &offset, &e)) {
        offset += e->rec_len;
        assert_true(++seen <= b->end / dirent_size(1));
    }
    dirblock_find(b, "abc", 3, &offset);
    for (u32 length = 1; length < 256; length += 50)
        if (!dirblock_room(b, length, &offset))
            dirblock_put(b, offset, LONGEST, length, 12, EXT4_FT_REG);
    offset = unit_below(b->end + 8);
    if (!dirblock_before(b, offset, &before))
        dirblock_remove(b, before, offset);
    if (!dirblock_find(b, LONGEST, 51, &offset)) {
        assert_int_equal(dirblock_before(b, offset, &before), 0);
        dirblock_remove(b, before, offset);
    }
}

static void test_hostile(void **state)
{
    u8 good[1024];
    struct dirblock g = {good, sizeof(good)};

    dirblock_init(&g);
    model_count = 0;
    for (u32 i = 1; i < 60; i++)
        add_one(&g, i);
    for (unsigned round = 0; round < 20000; round++) {
        struct dirblock b = {new_bytes(sizeof(good)), sizeof(good)};

        unit_mutate(b.data, good, sizeof(good));
        use_all(&b);
        free(b.data);
    }
    for (unsigned round = 0; round < 5000; round++) {
        struct dirblock b = {new_bytes(256), 256};

        for (u32 i = 0; i < 256; i++)
            b.data[i] = unit_below(4) ? unit_below(16) : unit_random();
        use_all(&b);
        free(b.data);
    }
}

static void test_bad_lengths(void **state)
{
    static const u16 lengths[] = {0, 1, 4, 8, 11, 13, 1028, 65535};

    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct dirblock b = {new_bytes(1024), 1024};
        struct ext4_dirent *e = (struct ext4_dirent *)b.data;
        u32 offset = 0;

        dirblock_init(&b);
        dirblock_put(&b, 0, "name", 4, 12, EXT4_FT_REG);
        e->rec_len = lengths[i];
        assert_int_equal(dirblock_check(&b), -EUCLEAN);
        assert_int_equal(dirblock_next(&b, &offset, &e), -EUCLEAN);
        assert_int_equal(dirblock_find(&b, "other", 5, &offset), -EUCLEAN);
        assert_int_equal(dirblock_room(&b, 200, &offset), -EUCLEAN);
        free(b.data);
    }
}

static void test_bad_names(void **state)
{
    struct dirblock b = {new_bytes(1024), 1024};

    dirblock_init(&b);
    dirblock_put(&b, 0, "a/b", 3, 12, EXT4_FT_REG);
    assert_int_equal(dirblock_check(&b), -EUCLEAN);
    b.data[9] = '\0';
    assert_int_equal(dirblock_check(&b), -EUCLEAN);
    b.data[9] = 'x';
    assert_int_equal(dirblock_check(&b), 0);
    free(b.data);
}

/* Sorting and packing */

static void test_sorted(void **state)
{
    static struct dir_item items[400];
    static const u32 seed[4] = {1, 2, 3, 4};
    struct dirblock b = {new_bytes(4084), 4084};

    for (unsigned round = 0; round < 100; round++) {
        u32 version = unit_below(6);
        int n;

        dirblock_init(&b);
        model_count = 0;
        for (u32 i = 1; i < 300; i++)
            add_one(&b, i);
        n = ext4_items_of(seed, version, &b, 7, items);
        assert_int_equal(n, model_count);
        ext4_items_sort(items, n);
        for (int i = 0; i < n; i++) {
            const struct ext4_dirent *e = dirblock_at(&b, items[i].offset);
            u32 major, minor;

            assert_true(!i || items[i - 1].key <= items[i].key);
            assert_true(items[i].key < HASH_KEY_END && items[i].key % HASH_KEY_ORDINALS == 0);
            assert_int_equal(items[i].logical, 7);
            assert_int_equal(items[i].size, dirent_size(e->name_len));
            ext4_name_hash(seed, version, e->name, e->name_len, &major, &minor);
            assert_int_equal(ext4_key_hash(items[i].key), major);
        }
    }
    free(b.data);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_hashes),        cmocka_unit_test(test_changes),
    cmocka_unit_test(test_slack_is_used), cmocka_unit_test(test_hostile),
    cmocka_unit_test(test_bad_lengths),   cmocka_unit_test(test_bad_names),
    cmocka_unit_test(test_sorted),
};

UNIT_MAIN(tests)
