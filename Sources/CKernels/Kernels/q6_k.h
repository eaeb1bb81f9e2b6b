// Q6_K: six bits in super-blocks of sixteen sub-blocks.

#define CK_SIX_SUB 16
#define CK_SIX_SUBS (CK_SUPER / CK_SIX_SUB)

CK_KERNEL void CK_ISA(quantize_q6_k)(void *restrict out, const float *restrict x, size_t n) {
    ck_q6_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        float largest = 0;
        uint8_t codes[CK_SUPER];
        float scales[CK_SIX_SUBS];
        for (int s = 0; s < CK_SIX_SUBS; s += CK_FIT_LANES) {
            block_lanes blocks;
            load_blocks(&blocks, x + s * CK_SIX_SUB, CK_SIX_SUB, CK_FIT_LANES);
            const fit_lanes fitted = fit_scales(&blocks, CK_SIX_SUB, 32);
            memcpy(scales + s, &fitted, sizeof fitted);
        }
        for (int s = 0; s < CK_SIX_SUBS; s++) largest = fabsf(scales[s]) > largest ? fabsf(scales[s]) : largest;
        block->d = ck_half_above(largest / 127);
        float d = ck_half_value(block->d);
        for (int s = 0; s < CK_SIX_SUBS; s++) {
            float scale = ck_code(scales[s] * ck_inverse(d), -128, 127), inverse = ck_inverse(d * scale);
            block->scales[s] = (int8_t)scale;
            for (int i = s * CK_SIX_SUB; i < (s + 1) * CK_SIX_SUB; i++)
                codes[i] = (uint8_t)(ck_code(x[i] * inverse, -32, 31) + 32);
        }
        ck_write_six(block, codes);
    }
}

CK_KERNEL void CK_ISA(unpack_q6_k)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q6_k *restrict block = in;
    for (; n >= CK_SUPER; n -= CK_SUPER, out += CK_SUPER, block++) {
        float d = ck_half_value(block->d);
        for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
            uint8_t codes[CK_BLOCK];
            ck_read_six(codes, block, b);
            for (int i = 0; i < CK_BLOCK; i++)
                out[b * CK_BLOCK + i] = d * (float)block->scales[2 * b + i / CK_SIX_SUB] * (float)(codes[i] - 32);
        }
    }
}
