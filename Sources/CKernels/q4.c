#include "ck_fit.h"

// Q4_0 and Q4_1: nibbles of 32 weights, around zero or above an offset.

CK_INLINE void pack_nibbles(uint8_t *restrict out, const float *restrict x, float inverse, float offset) {
    for (int i = 0; i < CK_BLOCK / 2; i++) {
        uint8_t low = (uint8_t)ck_code(x[i] * inverse + offset, 0, 15);
        uint8_t high = (uint8_t)ck_code(x[i + CK_BLOCK / 2] * inverse + offset, 0, 15);
        out[i] = (uint8_t)(low | high << 4);
    }
}

CK_INLINE void unpack_nibbles(float *restrict out, const uint8_t *restrict q, float d, int zero, float m) {
    for (int i = 0; i < CK_BLOCK / 2; i++) {
        out[i] = d * (float)((q[i] & 15) - zero) + m;
        out[i + CK_BLOCK / 2] = d * (float)((q[i] >> 4) - zero) + m;
    }
}

CK_KERNEL void ck_quantize_q4_0(void *restrict out, const float *restrict x, size_t n) {
    ck_q4_0 *restrict block = out;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        block->d = ck_finite_half(ck_fit_scale(x, CK_BLOCK, 8));
        pack_nibbles(block->q, x, ck_inverse(ck_half_value(block->d)), 8);
    }
}

CK_KERNEL void ck_quantize_q4_1(void *restrict out, const float *restrict x, size_t n) {
    ck_q4_1 *restrict block = out;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        ck_line line = ck_fit_line(x, CK_BLOCK, 15, 0);
        block->d = ck_finite_half(line.scale);
        block->m = ck_finite_half(line.low);
        float inverse = ck_inverse(ck_half_value(block->d));
        pack_nibbles(block->q, x, inverse, -ck_half_value(block->m) * inverse);
    }
}

CK_KERNEL void ck_unpack_q4_0(float *restrict out, const void *restrict in, size_t n) {
    const ck_q4_0 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_nibbles(out, block->q, ck_half_value(block->d), 8, 0);
}

CK_KERNEL void ck_unpack_q4_1(float *restrict out, const void *restrict in, size_t n) {
    const ck_q4_1 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_nibbles(out, block->q, ck_half_value(block->d), 0, ck_half_value(block->m));
}
