// Q8_0: bytes in blocks of 32 weights.

CK_KERNEL void CK_ISA(quantize_q8_0)(void *restrict out, const float *restrict x, size_t n) {
    ck_q8_0 *restrict block = out;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        float least, largest;
        ck_range(x, CK_BLOCK, &least, &largest);
        block->d = ck_finite_half((-least > largest ? -least : largest) / 127);
        float inverse = ck_inverse(ck_half_value(block->d));
        for (int i = 0; i < CK_BLOCK; i++) block->q[i] = (int8_t)ck_code(x[i] * inverse, -127, 127);
    }
}

CK_KERNEL void CK_ISA(unpack_q8_0)(float *restrict out, const void *restrict in, size_t n) {
    const ck_q8_0 *restrict block = in;
    for (; n >= CK_BLOCK; n -= CK_BLOCK, out += CK_BLOCK, block++) {
        float d = ck_half_value(block->d);
        for (int i = 0; i < CK_BLOCK; i++) out[i] = d * (float)block->q[i];
    }
}
