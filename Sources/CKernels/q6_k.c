#include "ck_fit.h"

#define SUB 16
#define SUBS (CK_SUPER / SUB)

/// Where weight i of a super-block has its bits: its half, its quarter of that half, and its place in the quarter.
CK_INLINE void pack_six(ck_q6_k *restrict block, const uint8_t *restrict codes) {
    for (int h = 0; h < 2; h++) {
        const uint8_t *half = codes + 128 * h;
        for (int i = 0; i < 64; i++) block->low[64 * h + i] = (uint8_t)((half[i] & 15) | half[i + 64] << 4);
        for (int i = 0; i < 32; i++)
            block->high[32 * h + i] = (uint8_t)(half[i] >> 4 | half[i + 32] >> 4 << 2 | half[i + 64] >> 4 << 4
                                                | half[i + 96] >> 4 << 6);
    }
}

CK_KERNEL void ck_quantize_q6_k(void *restrict out, const float *restrict x, size_t n) {
    ck_q6_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        float scales[SUBS], largest = 0;
        uint8_t codes[CK_SUPER];
        for (int s = 0; s < SUBS; s++) {
            scales[s] = ck_fit_scale(x + s * SUB, SUB, 32);
            largest = fabsf(scales[s]) > largest ? fabsf(scales[s]) : largest;
        }
        block->d = ck_half_above(largest / 127);
        float d = ck_half_value(block->d);
        for (int s = 0; s < SUBS; s++) {
            float scale = ck_code(scales[s] * ck_inverse(d), -128, 127), inverse = ck_inverse(d * scale);
            block->scales[s] = (int8_t)scale;
            for (int i = s * SUB; i < (s + 1) * SUB; i++)
                codes[i] = (uint8_t)(ck_code(x[i] * inverse, -32, 31) + 32);
        }
        pack_six(block, codes);
    }
}

CK_KERNEL void ck_unpack_q6_k(float *restrict out, const void *restrict in, size_t n) {
    const ck_q6_k *restrict block = in;
    for (; n >= CK_SUPER; n -= CK_SUPER, out += CK_SUPER, block++) {
        float d = ck_half_value(block->d);
        for (int s = 0; s < SUBS; s++) {
            int h = s / 8, quarter = s % 8 / 2, at = s % 2 * SUB;
            const uint8_t *low = block->low + 64 * h + quarter % 2 * 32 + at, *high = block->high + 32 * h + at;
            float scale = d * (float)block->scales[s];
            for (int i = 0; i < SUB; i++) {
                int code = (low[i] >> quarter / 2 * 4 & 15) | (high[i] >> 2 * quarter & 3) << 4;
                out[s * SUB + i] = scale * (float)(code - 32);
            }
        }
    }
}
