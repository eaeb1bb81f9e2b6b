// Q4_0 and Q4_1: nibbles of 32 weights, around zero or above an offset.

CK_INLINE void unpack_nibbles(float *restrict out, const uint8_t *restrict q, float d, int zero, float m) {
    uint8_t codes[CK_BLOCK];
    ck_read_nibbles(codes, q);
    ck_weigh_codes(out, codes, d, zero, m);
}

CK_KERNEL void CK_ISA(quantize_q4_0)(void *restrict out, const float *restrict x, size_t n) {
    ck_q4_0 *restrict block = out;
    uint8_t codes[CK_BLOCK];
    CK_FOR_LANES(n, count) {
        block_lanes blocks;
        load_blocks(&blocks, x, CK_BLOCK, count);
        const fit_lanes scales = fit_scales(&blocks, CK_BLOCK, 8);
        for (size_t b = 0; b < count; b++, x += CK_BLOCK, block++) {
            block->d = ck_finite_half(scales[b]);
            ck_round_codes(codes, x, ck_inverse(ck_half_value(block->d)), 8, 15);
            ck_write_nibbles(block->q, codes);
        }
    }
}

CK_KERNEL void CK_ISA(quantize_q4_1)(void *restrict out, const float *restrict x, size_t n) {
    ck_q4_1 *restrict block = out;
    uint8_t codes[CK_BLOCK];
    CK_FOR_LANES(n, count) {
        block_lanes blocks;
        load_blocks(&blocks, x, CK_BLOCK, count);
        const line_lanes lines = fit_lines(&blocks, 15, 0);
        for (size_t b = 0; b < count; b++, x += CK_BLOCK, block++) {
            block->d = ck_finite_half(lines.scale[b]);
            block->m = ck_finite_half(lines.low[b]);
            float inverse = ck_inverse(ck_half_value(block->d));
            ck_round_codes(codes, x, inverse, -ck_half_value(block->m) * inverse, 15);
            ck_write_nibbles(block->q, codes);
        }
    }
}

CK_KERNEL void CK_ISA(unpack_q4_0)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q4_0 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_nibbles(out, block->q, ck_half_value(block->d), 8, 0);
}

CK_KERNEL void CK_ISA(unpack_q4_1)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q4_1 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++)
        unpack_nibbles(out, block->q, ck_half_value(block->d), 0, ck_half_value(block->m));
}
