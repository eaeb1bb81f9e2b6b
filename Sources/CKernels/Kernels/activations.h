// Rounding of activations for products with quantised weights.

/// Rounds half a block, and returns the sum of its codes.
CK_INLINE int32_t round_half(int8_t *restrict out, const ck_f32x16 *x, float inverse) {
    // Adding 1.5 · 2²³ leaves the nearest integer, ties to even, in the low bits.
    ck_i32x16 codes = (ck_i32x16)(*x * inverse + 12582912.0f) - 0x4b400000;
    ck_i8x16 narrow = __builtin_convertvector(codes, ck_i8x16);
    memcpy(out, &narrow, sizeof narrow);
    return __builtin_reduce_add(codes);
}

CK_INLINE void round_block(ck_activations *restrict to, const float *restrict x) {
    ck_f32x16 first, last;
    memcpy(&first, x, sizeof first);
    memcpy(&last, x + 16, sizeof last);
    // Magnitudes are ordered like their bits, and infinity and NaN are above all numbers.
    int32_t top = __builtin_reduce_max(
        __builtin_elementwise_max((ck_i32x16)first & 0x7fffffff, (ck_i32x16)last & 0x7fffffff));
    if (top >= 0x7f800000) {
        *to = (ck_activations){.d = __builtin_nanf(""), .sum = __builtin_nanf("")};
        return;
    }
    float largest;
    memcpy(&largest, &top, sizeof largest);
    float d = largest / 127.0f, inverse = d > 0 ? 1.0f / d : 0.0f;
    // The reciprocal of a d below 2⁻¹²⁸ overflows. Such a block is nothing beside any other.
    if (!(inverse <= 3.4e38f)) d = inverse = 0;
    to->half[0] = round_half(to->q, &first, inverse);
    to->half[1] = round_half(to->q + 16, &last, inverse);
    to->d = d;
    to->sum = d * (float)(to->half[0] + to->half[1]);
}

CK_KERNEL void CK_ISA(quantize_activations)(ck_activations *restrict out, size_t out_chunk, const float *restrict x,
                                            size_t n) {
    for (size_t left = n / CK_BLOCK; left > 0; out += out_chunk) {
        size_t count = left < CK_CHUNK ? left : CK_CHUNK;
        for (size_t b = 0; b < count; b++) round_block(out + b, x + b * CK_BLOCK);
        x += count * CK_BLOCK;
        left -= count;
    }
}
