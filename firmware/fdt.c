// SPDX-License-Identifier: MIT
// Finds the harts in the flattened device tree (Devicetree Specification 0.4, chapter 5).
#include "firmware.h"

#define FDT_MAGIC      0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4

/* Indexes of 32-bit words in the tree's header. */
#define HEADER_STRUCT  2
#define HEADER_STRINGS 3

#define CPU_DEPTH 3 /* of /cpus/cpu@n; the root has depth 1 */

static u32 word_at(const u32 *word)
{
    const u8 *byte = (const u8 *)word;

    return (u32)byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];
}

static int has_prefix(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return !*prefix;
}

static u64 string_words(const char *text)
{
    u64 length = 0;

    while (text[length])
        length++;
    return (length + 4) / 4;
}

/* One property of a cpu node: "reg" is its hart, in one or two cells. */
static void property_read(const u32 *prop, const char *strings)
{
    u32 length = word_at(prop), name = word_at(prop + 1);

    if (!has_prefix(strings + name, "reg") || strings[name + 3])
        return;
    if (length == 4)
        hart_add(word_at(prop + 2));
    else if (length == 8)
        hart_add((u64)word_at(prop + 2) << 32 | word_at(prop + 3));
}

void fdt_find_harts(const void *tree)
{
    const u32 *header = tree;
    int depth = 0, in_cpu = 0;

    if (!tree || word_at(header) != FDT_MAGIC)
        return;
    const u32 *word = header + word_at(header + HEADER_STRUCT) / 4;
    const char *strings = (const char *)tree + word_at(header + HEADER_STRINGS);
    for (;;) {
        switch (word_at(word++)) {
        case FDT_BEGIN_NODE:
            depth++;
            if (depth == CPU_DEPTH)
                in_cpu = has_prefix((const char *)word, "cpu@");
            word += string_words((const char *)word);
            break;
        case FDT_END_NODE:
            depth--;
            break;
        case FDT_PROP:
            if (in_cpu && depth == CPU_DEPTH)
                property_read(word, strings);
            word += 2 + (word_at(word) + 3) / 4;
            break;
        case FDT_NOP:
            break;
        default: /* FDT_END, or no device tree any more */
            return;
        }
    }
}
