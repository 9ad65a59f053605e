// SPDX-License-Identifier: MIT
// Random bytes: ChaCha20 with fast key erasure.
//
// The first half of each first block becomes the next key before any output leaves, so a key that
// leaks later tells nothing of earlier output. Input is mixed by adding it to the key and
// running the block function. A large request runs on a key of its own, outside the lock.
#include "base/random.h"
#include "arch/timer.h"
#include "base/chacha.h"
#include "base/spinlock.h"
#include "lib/string.h"

static struct spinlock random_lock = SPINLOCK_INIT(RANK_NONE); // any context: below every lock
static u32 random_key[8];                                      // (random_lock)

// Replaces the key; the other half of the block goes to spare[8].
static void key_step(u32 *spare)
{
    u64 now = timer_ticks();
    u32 nonce[3] = {0, (u32)now, (u32)(now >> 32)};
    u32 block[16];

    chacha20_block(block, random_key, 0, nonce);
    memcpy(random_key, block, sizeof(random_key));
    memcpy(spare, block + 8, CHACHA_KEY_SIZE);
    memset(block, 0, sizeof(block));
    barrier();
}

void random_mix(const void *buf, size_t n)
{
    irqflags_t flags = spin_lock_irqsave(&random_lock);
    u32 spare[8];

    for (size_t done = 0; done < n; done += CHACHA_KEY_SIZE) {
        u32 chunk[8] = {0};

        memcpy(chunk, (const char *)buf + done, MIN(n - done, sizeof(chunk)));
        for (unsigned i = 0; i < 8; i++)
            random_key[i] ^= chunk[i];
        key_step(spare);
    }
    spin_unlock_irqrestore(&random_lock, flags);
}

void random_bytes(void *buf, size_t n)
{
    static const u32 nonce[3] = {1, 0, 0};
    u32 key[8], block[16], counter = 0;
    irqflags_t flags = spin_lock_irqsave(&random_lock);

    key_step(key);
    spin_unlock_irqrestore(&random_lock, flags);
    if (n <= sizeof(key)) {
        memcpy(buf, key, n);
        n = 0;
    }
    for (size_t done = 0; done < n; done += sizeof(block)) {
        chacha20_block(block, key, counter++, nonce);
        memcpy((char *)buf + done, block, MIN(n - done, sizeof(block)));
    }
}
