// Q5_K: five bits in super-blocks.

CK_KERNEL void CK_ISA(quantize_q5_k)(void *restrict out, const float *restrict x, size_t n) {
    ck_q5_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        uint8_t codes[CK_SUPER];
        ck_quantize_super(codes, &block->d, &block->dmin, block->scales, x, 31);
        ck_write_super(block->q, block->high, codes);
    }
}

CK_KERNEL void CK_ISA(unpack_q5_k)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q5_k *restrict block = in;
    for (; n >= CK_SUPER; n -= CK_SUPER, out += CK_SUPER, block++)
        ck_unpack_super(out, block->d, block->dmin, block->scales, block->q, block->high);
}
