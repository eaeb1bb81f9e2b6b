// Looking values up where a register has fewer bytes than a group of codes. Included where the target has AVX2 or NEON.

/// See isa_plain.c.
CK_INLINE ck_u8x64 look_up(const int8_t *table, ck_u8x64 numbers) {
#if defined(__x86_64__)
    __m128i values;
    __m256i half[2];
    memcpy(&values, table, sizeof values);
    memcpy(half, &numbers, sizeof half);
    for (int i = 0; i < 2; i++) half[i] = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), half[i]);
    memcpy(&numbers, half, sizeof numbers);
#else
    const uint8x16_t values = vreinterpretq_u8_s8(vld1q_s8(table));
    uint8x16_t quarter[4];
    memcpy(quarter, &numbers, sizeof quarter);
    for (int i = 0; i < 4; i++) quarter[i] = vqtbl1q_u8(values, quarter[i]);
    memcpy(&numbers, quarter, sizeof numbers);
#endif
    return numbers;
}
