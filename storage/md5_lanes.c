#include "storage/md5_lanes.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8 };

typedef uint32_t u32x4 __attribute__((vector_size(4 * MD5_LANES_MAX)));

// Spec: RFC 1321 section 3.4: 2^32 times |sin(i)| of i = 1..64
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

struct state {
    u32x4 a, b, c, d;
};

// A body on its way: its whole blocks, then its end with the padding.
struct body {
    const uint8_t *at;
    size_t blocks_left;  // from `at` on
    bool in_tail;
    size_t tail_blocks;
    uint8_t tail[2 * BLOCK_BYTES];
};

#define ROTATE(x, bits) ((x) << (bits) | (x) >> (32 - (bits)))
#define STEP(mixed, a, b, word, i, bits)                                                           \
    do {                                                                                           \
        (a) += (mixed) + (word) + sines[i];                                                        \
        (a) = ROTATE(a, bits) + (b);                                                               \
    } while (0)
// F and G of the RFC, each with an operation less.
#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define G(x, y, z) F(z, x, y)
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))
// Four steps, after which each letter is in its place again.
#define STEPS(mix, i, first, stride, bits0, bits1, bits2, bits3)                                   \
    do {                                                                                           \
        STEP(mix(b, c, d), a, b, word[((first) + (i) * (stride)) % 16], (i), bits0);               \
        STEP(mix(a, b, c), d, a, word[((first) + ((i) + 1) * (stride)) % 16], (i) + 1, bits1);     \
        STEP(mix(d, a, b), c, d, word[((first) + ((i) + 2) * (stride)) % 16], (i) + 2, bits2);     \
        STEP(mix(c, d, a), b, c, word[((first) + ((i) + 3) * (stride)) % 16], (i) + 3, bits3);     \
    } while (0)
#define ROUND(mix, i, first, stride, bits0, bits1, bits2, bits3)                                   \
    do {                                                                                           \
        STEPS(mix, (i), first, stride, bits0, bits1, bits2, bits3);                                \
        STEPS(mix, (i) + 4, first, stride, bits0, bits1, bits2, bits3);                            \
        STEPS(mix, (i) + 8, first, stride, bits0, bits1, bits2, bits3);                            \
        STEPS(mix, (i) + 12, first, stride, bits0, bits1, bits2, bits3);                           \
    } while (0)

static uint32_t little_endian(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return le32toh(word);
}

// `blocks` of each lane.
static void add_blocks(struct state *state, const uint8_t *const at[MD5_LANES_MAX], size_t blocks)
{
    for (size_t offset = 0; offset < blocks * BLOCK_BYTES; offset += BLOCK_BYTES) {
        u32x4 word[16];
        for (size_t i = 0; i < 16; i++) {
            const size_t place = offset + 4 * i;
            word[i] = (u32x4){ little_endian(at[0] + place), little_endian(at[1] + place),
                               little_endian(at[2] + place), little_endian(at[3] + place) };
        }
        u32x4 a = state->a, b = state->b, c = state->c, d = state->d;
        ROUND(F, 0, 0, 1, 7, 12, 17, 22);
        ROUND(G, 16, 1, 5, 5, 9, 14, 20);
        ROUND(H, 32, 5, 3, 4, 11, 16, 23);
        ROUND(I, 48, 0, 7, 6, 10, 15, 21);
        state->a += a;
        state->b += b;
        state->c += c;
        state->d += d;
    }
}

// Spec: RFC 1321 sections 3.1 and 3.2: one bit, zeros, and the length in bits
static void body_init(struct body *body, const struct md5_lane *lane)
{
    const size_t whole = lane->bytes / BLOCK_BYTES, rest = lane->bytes % BLOCK_BYTES;
    const uint64_t bits = htole64((uint64_t)lane->bytes * 8);
    *body = (struct body){ .at = lane->data, .blocks_left = whole };
    if (rest)
        memcpy(body->tail, (const uint8_t *)lane->data + whole * BLOCK_BYTES, rest);
    body->tail[rest] = 0x80;
    body->tail_blocks = rest + 1 + LENGTH_BYTES <= BLOCK_BYTES ? 1 : 2;
    memcpy(body->tail + body->tail_blocks * BLOCK_BYTES - LENGTH_BYTES, &bits, sizeof(bits));
}

// False when all of it has been added.
static bool has_blocks(struct body *body)
{
    if (body->blocks_left == 0 && !body->in_tail) {
        body->in_tail = true;
        body->at = body->tail;
        body->blocks_left = body->tail_blocks;
    }
    return body->blocks_left > 0;
}

static void tell(const struct state *state, size_t i, struct md5_lane *lane)
{
    const uint32_t words[] = { htole32(state->a[i]), htole32(state->b[i]), htole32(state->c[i]),
                               htole32(state->d[i]) };
    memcpy(lane->digest, words, sizeof(words));
}

void md5_lanes(struct md5_lane lane[], size_t count)
{
    assert(count > 0 && count <= MD5_LANES_MAX);
    struct body body[MD5_LANES_MAX];
    for (size_t i = 0; i < count; i++)
        body_init(&body[i], &lane[i]);
    const u32x4 zero = { 0 };
    struct state state = { zero + 0x67452301, zero + 0xefcdab89, zero + 0x98badcfe,
                           zero + 0x10325476 };
    bool told[MD5_LANES_MAX] = { false };
    for (;;) {
        size_t blocks = SIZE_MAX, any = MD5_LANES_MAX;
        for (size_t i = 0; i < count; i++) {
            if (has_blocks(&body[i])) {
                any = i;
                blocks = body[i].blocks_left < blocks ? body[i].blocks_left : blocks;
            } else if (!told[i]) {
                tell(&state, i, &lane[i]);
                told[i] = true;
            }
        }
        if (any == MD5_LANES_MAX)
            return;
        // who has nothing left, or was never there, goes along with another and is not looked at
        const uint8_t *at[MD5_LANES_MAX];
        for (size_t i = 0; i < MD5_LANES_MAX; i++)
            at[i] = body[i < count && body[i].blocks_left ? i : any].at;
        add_blocks(&state, at, blocks);
        for (size_t i = 0; i < count; i++) {
            if (body[i].blocks_left) {
                body[i].at += blocks * BLOCK_BYTES;
                body[i].blocks_left -= blocks;
            }
        }
    }
}
