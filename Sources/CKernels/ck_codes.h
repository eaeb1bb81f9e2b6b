// Where the blocks of each quantised format have their codes: the one place that knows, for quantising, unpacking and
// packing alike. A block is 32 weights with a code each, a byte a code outside of the file; super-blocks hold eight.
#ifndef CK_CODES_H
#define CK_CODES_H

#include <string.h>

#include "ck_blocks.h"
#include "ck_internal.h"

/// out = d · (code − zero) + m, for a block.
CK_INLINE void ck_weigh_codes(float *restrict out, const uint8_t *restrict codes, float d, int zero, float m) {
    for (int i = 0; i < CK_BLOCK; i++) out[i] = d * (float)(codes[i] - zero) + m;
}

/// Q4_0, Q4_1.
CK_INLINE void ck_read_nibbles(uint8_t *restrict codes, const uint8_t *restrict q) {
    for (int i = 0; i < CK_BLOCK / 2; i++) {
        codes[i] = q[i] & 15;
        codes[i + CK_BLOCK / 2] = q[i] >> 4;
    }
}
CK_INLINE void ck_write_nibbles(uint8_t *restrict q, const uint8_t *restrict codes) {
    for (int i = 0; i < CK_BLOCK / 2; i++) q[i] = (uint8_t)((codes[i] & 15) | codes[i + CK_BLOCK / 2] << 4);
}

/// Q5_0, Q5_1.
CK_INLINE void ck_read_five(uint8_t *restrict codes, const uint8_t *restrict q, const uint8_t *restrict high) {
    ck_read_nibbles(codes, q);
    for (int i = 0; i < CK_BLOCK; i++) codes[i] |= (uint8_t)((high[i / 8] >> i % 8 & 1) << 4);
}
CK_INLINE void ck_write_five(uint8_t *restrict q, uint8_t *restrict high, const uint8_t *restrict codes) {
    ck_write_nibbles(q, codes);
    for (int byte = 0; byte < CK_BLOCK / 8; byte++) {
        unsigned bits = 0;
        for (int i = 0; i < 8; i++) bits |= (unsigned)(codes[8 * byte + i] >> 4) << i;
        high[byte] = (uint8_t)bits;
    }
}

/// Block b of a super-block of Q4_K, or of Q5_K, whose fifth bits are in `fifth`; that is null for Q4_K.
CK_INLINE void ck_read_super(uint8_t *restrict codes, const uint8_t *restrict q, const uint8_t *restrict fifth, int b) {
    const uint8_t *nibbles = q + b / 2 * CK_BLOCK;
    for (int i = 0; i < CK_BLOCK; i++) {
        codes[i] = nibbles[i] >> b % 2 * 4 & 15;
        if (fifth) codes[i] |= (uint8_t)((fifth[i] >> b & 1) << 4);
    }
}
/// All blocks at once, which share bytes.
CK_INLINE void ck_write_super(uint8_t *restrict q, uint8_t *restrict fifth, const uint8_t *restrict codes) {
    for (int pair = 0; pair < CK_SUPER / CK_BLOCK / 2; pair++) {
        const uint8_t *low = codes + 2 * pair * CK_BLOCK, *high = low + CK_BLOCK;
        for (int i = 0; i < CK_BLOCK; i++) q[pair * CK_BLOCK + i] = (uint8_t)((low[i] & 15) | high[i] << 4);
    }
    for (int i = 0; fifth && i < CK_BLOCK; i++) {
        unsigned bits = 0;
        for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) bits |= (unsigned)(codes[b * CK_BLOCK + i] >> 4) << b;
        fifth[i] = (uint8_t)bits;
    }
}

/// Block b of a super-block of Q6_K.
CK_INLINE void ck_read_six(uint8_t *restrict codes, const ck_q6_k *restrict block, int b) {
    int half = b / 4, quarter = b % 4;
    const uint8_t *low = block->low + 64 * half + 32 * (quarter % 2), *high = block->high + 32 * half;
    for (int i = 0; i < CK_BLOCK; i++)
        codes[i] = (uint8_t)((low[i] >> quarter / 2 * 4 & 15) | (high[i] >> 2 * quarter & 3) << 4);
}
/// All blocks at once, which share bytes.
CK_INLINE void ck_write_six(ck_q6_k *restrict block, const uint8_t *restrict codes) {
    for (int h = 0; h < 2; h++) {
        const uint8_t *half = codes + 128 * h;
        for (int i = 0; i < 64; i++) block->low[64 * h + i] = (uint8_t)((half[i] & 15) | half[i + 64] << 4);
        for (int i = 0; i < 32; i++)
            block->high[32 * h + i] = (uint8_t)(half[i] >> 4 | half[i + 32] >> 4 << 2 | half[i + 64] >> 4 << 4
                                                | half[i + 96] >> 4 << 6);
    }
}

#endif
