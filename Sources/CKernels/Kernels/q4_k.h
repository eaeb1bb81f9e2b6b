// Q4_K: nibbles in super-blocks.

CK_KERNEL void CK_ISA(quantize_q4_k)(void *restrict out, const float *restrict x, size_t n) {
    ck_q4_k *restrict block = out;
    for (size_t count; n >= CK_SUPER; n -= count * CK_SUPER, x += count * CK_SUPER) {
        super_block supers[CK_FIT_SUPERS];
        count = n / CK_SUPER < CK_FIT_SUPERS ? n / CK_SUPER : CK_FIT_SUPERS;
        quantize_supers(supers, x, count, 15);
        for (size_t s = 0; s < count; s++, block++) {
            block->d = supers[s].d;
            block->dmin = supers[s].dmin;
            memcpy(block->scales, supers[s].scales, sizeof block->scales);
            ck_write_super(block->q, NULL, supers[s].codes);
        }
    }
}

CK_KERNEL void CK_ISA(unpack_q4_k)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q4_k *restrict block = in;
    for (; n >= CK_SUPER; n -= CK_SUPER, out += CK_SUPER, block++)
        ck_unpack_super(out, block->d, block->dmin, block->scales, block->q, NULL);
}
