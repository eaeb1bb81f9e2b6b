// Q5_0 and Q5_1: five bits of 32 weights, the fifth of all of them in a word of its own.

CK_INLINE void unpack_five(float *restrict out, const uint8_t *restrict q, const uint8_t *restrict high, float d,
                           int zero, float m) {
    uint8_t codes[CK_BLOCK];
    ck_read_five(codes, q, high);
    ck_weigh_codes(out, codes, d, zero, m);
}

CK_KERNEL void CK_ISA(quantize_q5_0)(void *restrict out, const float *restrict x, size_t n) {
    ck_q5_0 *restrict block = out;
    uint8_t codes[CK_BLOCK];
    CK_FOR_LANES(n, count) {
        block_lanes blocks;
        load_blocks(&blocks, x, CK_BLOCK, count);
        const fit_lanes scales = fit_scales(&blocks, CK_BLOCK, 16);
        for (size_t b = 0; b < count; b++, x += CK_BLOCK, block++) {
            block->d = ck_finite_half(scales[b]);
            ck_round_codes(codes, x, ck_inverse(ck_half_value(block->d)), 16, 31);
            ck_write_five(block->q, block->high, codes);
        }
    }
}

CK_KERNEL void CK_ISA(quantize_q5_1)(void *restrict out, const float *restrict x, size_t n) {
    ck_q5_1 *restrict block = out;
    uint8_t codes[CK_BLOCK];
    CK_FOR_LANES(n, count) {
        block_lanes blocks;
        load_blocks(&blocks, x, CK_BLOCK, count);
        const line_lanes lines = fit_lines(&blocks, 31, 0);
        for (size_t b = 0; b < count; b++, x += CK_BLOCK, block++) {
            block->d = ck_finite_half(lines.scale[b]);
            block->m = ck_finite_half(lines.low[b]);
            float inverse = ck_inverse(ck_half_value(block->d));
            ck_round_codes(codes, x, inverse, -ck_half_value(block->m) * inverse, 31);
            ck_write_five(block->q, block->high, codes);
        }
    }
}

CK_KERNEL void CK_ISA(unpack_q5_0)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q5_0 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_five(out, block->q, block->high, ck_half_value(block->d), 16, 0);
}

CK_KERNEL void CK_ISA(unpack_q5_1)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q5_1 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_five(out, block->q, block->high, ck_half_value(block->d), 0, ck_half_value(block->m));
}
