// SPDX-License-Identifier: MIT
// The driver of all fuzz targets: mutates inputs, keeps those that reach something new.
//
//     fuzz_NAME CORPUS-FOLDER     SEED=n FUZZ_RUNS=n of the environment
//     fuzz_NAME FILE...           just these inputs
//
// The code under test is compiled with a call in every basic block; an input is kept for further
// mutation if it takes an edge between two blocks that no other took (to twice as many passes: 1,
// 2, 4, ...). The same seed and program make the same inputs. An input that fails is written to
// fuzz_NAME.failed beside the program.
#include "fuzz.h"
#include "base/panic.h"

#include <dirent.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#define EDGES      65536
#define CORPUS_MAX 2000
#define REPORTED   50000 // inputs after which a long run says how far it is
#define LIMIT      20    // seconds of processor time for an input

struct input {
    u8 *data;
    size_t size;
};

static struct input corpus[CORPUS_MAX];
static unsigned corpus_count;
static u8 passes[EDGES], known[EDGES];    // known: bit per power of two of passes
static u32 touched[EDGES], touched_count; // edges with passes
static u64 state, previous;
static const u8 *running;
static size_t running_size;
static char failed_path[4096];

/* Coverage */

void __sanitizer_cov_trace_pc(void);
__attribute__((no_sanitize("address", "undefined"), optimize("O2,omit-frame-pointer"))) void
__sanitizer_cov_trace_pc(void)
{
    u64 here = (u64)__builtin_return_address(0);
    u32 edge = (here ^ previous) % EDGES;

    if (!passes[edge])
        touched[touched_count++] = edge;
    passes[edge] += passes[edge] < 255;
    previous = here >> 1;
}

static bool covers_more(void)
{
    bool more = false;

    while (touched_count) {
        u32 edge = touched[--touched_count];
        u8 bit = 1 << (31 - __builtin_clz(passes[edge]));

        more |= bit & ~known[edge];
        known[edge] |= bit;
        passes[edge] = 0;
    }
    return more;
}

/* Failing */

static void save(void)
{
    FILE *f = fopen(failed_path, "wb");

    if (!f)
        return;
    fwrite(running, 1, running_size, f);
    fclose(f);
    fprintf(stderr, "the input is in %s\n", failed_path);
}

void fuzz_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    save();
    exit(1);
}

void assert_failed(const char *what, const char *file, int line)
{
    fuzz_failed(what, file, line);
}

static void too_long(int unused)
{
    fuzz_failed("there is an end", __FILE__, __LINE__);
}

static void run(const u8 *data, size_t size)
{
    const struct itimerval limit = {.it_value.tv_sec = LIMIT};
    u8 *exact = malloc(size); // the sanitizer sees a byte too far

    memcpy(exact, data, size);
    running = exact;
    running_size = size;
    previous = 0;
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    fuzz_one(exact, size);
    free(exact);
}

/* Mutation */

static u64 below(u64 n)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1dUL >> 16) % n;
}

static void put_number(u8 *data, size_t size)
{
    static const u64 numbers[] = {0, 1, ~0UL, 0x7fffffff, 0x80000000, 4096, 8, 1UL << 63};
    u64 n = below(2) ? numbers[below(ARRAY_SIZE(numbers))] + below(3) - 1 : below(256);
    size_t width = MIN(1UL << below(4), size), at = below(size - width + 1);
    bool big = below(2);

    for (size_t i = 0; i < width; i++)
        data[at + i] = n >> 8 * (big ? width - 1 - i : i);
}

static size_t change_length(u8 *data, size_t size)
{
    size_t n = 1 + below(MIN(64UL, size)), at = below(size - n + 1);

    if (below(2) || size + n > FUZZ_SIZE_MAX) {
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    }
    memmove(data + at + n, data + at, size - at);
    return size + n;
}

static size_t mutate(u8 *data, size_t size)
{
    for (u64 changes = 1 + below(4); changes && size; changes--) {
        const struct input *other = &corpus[below(corpus_count)];
        size_t n, at = below(size);

        switch (below(5)) {
        case 0:
            data[at] ^= 1 << below(8);
            break;
        case 1:
            data[at] = below(256);
            break;
        case 2:
            put_number(data, size);
            break;
        case 3:
            size = change_length(data, size);
            break;
        case 4:
            n = 1 + below(MIN(size - at, MAX(other->size, 1UL)));
            if (n <= other->size)
                memcpy(data + at, other->data + below(other->size - n + 1), n);
            break;
        }
    }
    return size;
}

/* Inputs */

static void keep(const u8 *data, size_t size)
{
    if (corpus_count == CORPUS_MAX)
        return;
    corpus[corpus_count] = (struct input){malloc(size), size};
    memcpy(corpus[corpus_count++].data, data, size);
}

static void run_file(const char *path)
{
    u8 data[FUZZ_SIZE_MAX];
    FILE *f = fopen(path, "rb");
    size_t size;

    if (!f) {
        perror(path);
        exit(2);
    }
    size = fread(data, 1, sizeof(data), f);
    fclose(f);
    run(data, size);
    covers_more();
    keep(data, size);
}

static int not_hidden(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void run_folder(const char *path)
{
    struct dirent **names;
    int n = scandir(path, &names, not_hidden, alphasort);

    for (int i = 0; i < n; i++) {
        char file[4096];

        snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
        run_file(file);
        free(names[i]);
    }
    if (n > 0)
        free(names);
}

static u64 variable(const char *name, u64 otherwise)
{
    const char *s = getenv(name);

    return s ? strtoul(s, NULL, 0) : otherwise;
}

static void explore(u64 runs)
{
    static u8 data[FUZZ_SIZE_MAX + 64];

    for (u64 i = 0; i < runs; i++) {
        const struct input *from = &corpus[below(corpus_count)];
        size_t size = from->size;

        memcpy(data, from->data, size);
        size = mutate(data, size);
        run(data, size);
        if (covers_more())
            keep(data, size);
        if (i % REPORTED == REPORTED - 1)
            fprintf(stderr, "%lu inputs, %u kept\n", i + 1, corpus_count);
    }
}

int main(int argc, char **argv)
{
    u64 seed = variable("SEED", 1), runs = variable("FUZZ_RUNS", 30000);
    unsigned seeds;
    struct stat st;

    snprintf(failed_path, sizeof(failed_path), "%s.failed", argv[0]);
    __sanitizer_set_death_callback(save);
    signal(SIGVTALRM, too_long);
    state = seed * 0x9e3779b97f4a7c15UL | 1;
    if (argc == 2 && !stat(argv[1], &st) && S_ISDIR(st.st_mode)) {
        run_folder(argv[1]);
    } else {
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
        return 0;
    }
    seeds = corpus_count;
    if (!seeds)
        keep((const u8 *)"seed", 4);
    explore(runs);
    printf("%s: seed %lu, %lu inputs, %u of the corpus, %u found\n", strrchr(argv[0], '/') + 1,
           seed, runs, seeds, corpus_count - seeds);
    return 0;
}
