#include "ck_super.h"

CK_KERNEL void ck_quantize_q4_k(void *restrict out, const float *restrict x, size_t n) {
    ck_q4_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        uint8_t codes[CK_SUPER];
        ck_quantize_super(codes, &block->d, &block->dmin, block->scales, x, 15);
        for (int pair = 0; pair < CK_SUBS / 2; pair++) {
            const uint8_t *low = codes + 2 * pair * CK_BLOCK, *high = low + CK_BLOCK;
            for (int i = 0; i < CK_BLOCK; i++) block->q[pair * CK_BLOCK + i] = (uint8_t)(low[i] | high[i] << 4);
        }
    }
}

CK_KERNEL void ck_unpack_q4_k(float *restrict out, const void *restrict in, size_t n) {
    const ck_q4_k *restrict block = in;
    for (; n >= CK_SUPER; n -= CK_SUPER, out += CK_SUPER, block++) {
        for (int b = 0; b < CK_SUBS; b++) {
            int scale, min, shift = b % 2 * 4;
            ck_super_scale(block->scales, b, &scale, &min);
            float d = ck_half_value(block->d) * (float)scale, m = ck_half_value(block->dmin) * (float)min;
            const uint8_t *q = block->q + b / 2 * CK_BLOCK;
            for (int i = 0; i < CK_BLOCK; i++) out[b * CK_BLOCK + i] = d * (float)(q[i] >> shift & 15) - m;
        }
    }
}
