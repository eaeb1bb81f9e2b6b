#include "ck_super.h"

CK_KERNEL void ck_quantize_q5_k(void *restrict out, const float *restrict x, size_t n) {
    ck_q5_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        uint8_t codes[CK_SUPER];
        ck_quantize_super(codes, &block->d, &block->dmin, block->scales, x, 31);
        memset(block->high, 0, sizeof block->high);
        for (int b = 0; b < CK_SUBS; b++) {
            for (int i = 0; i < CK_BLOCK; i++)
                block->high[i] |= (uint8_t)((codes[b * CK_BLOCK + i] >> 4) << b);
        }
        ck_pack_super_nibbles(block->q, codes);
    }
}

CK_KERNEL void ck_unpack_q5_k(float *restrict out, const void *restrict in, size_t n) {
    const ck_q5_k *restrict block = in;
    for (; n >= CK_SUPER; n -= CK_SUPER, out += CK_SUPER, block++)
        ck_unpack_super(out, block->d, block->dmin, block->scales, block->q, block->high);
}
