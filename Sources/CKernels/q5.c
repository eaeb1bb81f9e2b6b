#include "ck_fit.h"

// Q5_0 and Q5_1: five bits of 32 weights, the fifth of all of them in a word of its own.

CK_INLINE void pack_five(uint8_t *restrict out, uint8_t *restrict high, const float *restrict x, float inverse,
                         float offset) {
    uint8_t q[CK_BLOCK];
    for (int i = 0; i < CK_BLOCK; i++) q[i] = (uint8_t)ck_code(x[i] * inverse + offset, 0, 31);
    for (int i = 0; i < CK_BLOCK / 2; i++) out[i] = (uint8_t)((q[i] & 15) | q[i + CK_BLOCK / 2] << 4);
    for (int byte = 0; byte < 4; byte++) {
        unsigned bits = 0;
        for (int i = 0; i < 8; i++) bits |= (unsigned)(q[8 * byte + i] >> 4) << i;
        high[byte] = (uint8_t)bits;
    }
}

CK_INLINE void unpack_five(float *restrict out, const uint8_t *restrict q, const uint8_t *restrict high, float d,
                           int zero, float m) {
    uint32_t word = high[0] | (uint32_t)high[1] << 8 | (uint32_t)high[2] << 16 | (uint32_t)high[3] << 24;
    for (int i = 0; i < CK_BLOCK / 2; i++) {
        out[i] = d * (float)((q[i] & 15) + (int)(word >> i & 1) * 16 - zero) + m;
        out[i + CK_BLOCK / 2] = d * (float)((q[i] >> 4) + (int)(word >> (i + CK_BLOCK / 2) & 1) * 16 - zero) + m;
    }
}

CK_KERNEL void ck_quantize_q5_0(void *restrict out, const float *restrict x, size_t n) {
    ck_q5_0 *restrict block = out;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        block->d = ck_finite_half(ck_fit_scale(x, CK_BLOCK, 16));
        pack_five(block->q, block->high, x, ck_inverse(ck_half_value(block->d)), 16);
    }
}

CK_KERNEL void ck_quantize_q5_1(void *restrict out, const float *restrict x, size_t n) {
    ck_q5_1 *restrict block = out;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        ck_line line = ck_fit_line(x, CK_BLOCK, 31, 0);
        block->d = ck_finite_half(line.scale);
        block->m = ck_finite_half(line.low);
        float inverse = ck_inverse(ck_half_value(block->d));
        pack_five(block->q, block->high, x, inverse, -ck_half_value(block->m) * inverse);
    }
}

CK_KERNEL void ck_unpack_q5_0(float *restrict out, const void *restrict in, size_t n) {
    const ck_q5_0 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_five(out, block->q, block->high, ck_half_value(block->d), 16, 0);
}

CK_KERNEL void ck_unpack_q5_1(float *restrict out, const void *restrict in, size_t n) {
    const ck_q5_1 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_five(out, block->q, block->high, ck_half_value(block->d), 0, ck_half_value(block->m));
}
