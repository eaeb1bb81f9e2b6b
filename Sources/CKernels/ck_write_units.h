// Codes, numbers and scales into the blocks of files: the other direction of ck_units.h, for formats of few bits. Blocks of
// codebooks are zero before.
#ifndef CK_WRITE_UNITS_H
#define CK_WRITE_UNITS_H

#include "ck_units.h"

/// Codes of two bits, as Q2_K, Q3_K and TQ2_0 have them.
CK_INLINE void ck_write_two(uint8_t *restrict q, const uint8_t *restrict codes) {
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < CK_BLOCK; i++) {
            const uint8_t *of = codes + half * CK_SUPER / 2 + i;
            q[half * CK_BLOCK + i] =
                (uint8_t)((of[0] & 3) | (of[32] & 3) << 2 | (of[64] & 3) << 4 | (of[96] & 3) << 6);
        }
}

/// Scales from −32 to 31, codes of three bits.
CK_INLINE void ck_write_q3_k(ck_q3_k *restrict block, uint16_t d, const float *restrict scales,
                             const uint8_t *restrict codes) {
    *block = (ck_q3_k){.d = d};
    for (int s = 0; s < CK_SUPER / 16; s++) {
        const unsigned scale = (unsigned)((int)scales[s] + 32);
        block->scales[s % 8] |= (uint8_t)((scale & 15) << s / 8 * 4);
        block->scales[8 + s % 4] |= (uint8_t)(scale >> 4 << 2 * (s / 4));
    }
    ck_write_two(block->q, codes);
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++)
        for (int i = 0; i < CK_BLOCK; i++) block->high[i] |= (uint8_t)(codes[b * CK_BLOCK + i] >> 2 << b);
}

/// Four signs of seven bits, and a scale above them.
CK_INLINE uint32_t ck_signs_and_scale(const uint8_t *signs, int scale) {
    uint32_t word = (uint32_t)scale << 28;
    for (int i = 0; i < 4; i++) word |= (uint32_t)(signs[i] & 127) << 7 * i;
    return word;
}

CK_INLINE void ck_write_iq2_xxs(ck_iq2_xxs *block, uint16_t d, const int *scales, const int *numbers,
                                const uint8_t *signs) {
    block->d = d;
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        const uint32_t word = ck_signs_and_scale(signs + 4 * b, scales[b]);
        uint16_t *q = block->q + 4 * b;
        for (int i = 0; i < 2; i++) q[i] = (uint16_t)(numbers[4 * b + 2 * i] | numbers[4 * b + 2 * i + 1] << 8);
        q[2] = (uint16_t)word;
        q[3] = (uint16_t)(word >> 16);
    }
}

/// Scales of four bits, two a byte.
CK_INLINE void ck_write_scales(uint8_t *bytes, const int *scales, int count) {
    for (int s = 0; s < count; s += 2) bytes[s / 2] = (uint8_t)(scales[s] | scales[s + 1] << 4);
}

CK_INLINE void ck_write_iq2_xs(ck_iq2_xs *block, uint16_t d, const int *scales, const int *numbers,
                               const uint8_t *signs) {
    block->d = d;
    for (int i = 0; i < CK_SUPER / 8; i++) block->q[i] = (uint16_t)(numbers[i] | (signs[i] & 127) << 9);
    ck_write_scales(block->scales, scales, CK_SUPER / 16);
}

CK_INLINE void ck_write_iq2_s(ck_iq2_s *block, uint16_t d, const int *scales, const int *numbers,
                              const uint8_t *signs) {
    block->d = d;
    for (int i = 0; i < CK_SUPER / 8; i++) {
        block->q[i] = (uint8_t)numbers[i];
        block->high[i / 4] |= (uint8_t)(numbers[i] >> 8 << 2 * (i % 4));
        block->signs[i] = signs[i];
    }
    ck_write_scales(block->scales, scales, CK_SUPER / 16);
}

CK_INLINE void ck_write_iq3_xxs(ck_iq3_xxs *block, uint16_t d, const int *scales, const int *numbers,
                                const uint8_t *signs) {
    block->d = d;
    for (int i = 0; i < CK_SUPER / 4; i++) block->q[i] = (uint8_t)numbers[i];
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        const uint32_t word = ck_signs_and_scale(signs + 4 * b, scales[b]);
        block->signs[2 * b] = (uint16_t)word;
        block->signs[2 * b + 1] = (uint16_t)(word >> 16);
    }
}

CK_INLINE void ck_write_iq3_s(ck_iq3_s *block, uint16_t d, const int *scales, const int *numbers,
                              const uint8_t *signs) {
    block->d = d;
    for (int i = 0; i < CK_SUPER / 4; i++) {
        block->q[i] = (uint8_t)numbers[i];
        block->high[i / 8] |= (uint8_t)(numbers[i] >> 8 << i % 8);
    }
    memcpy(block->signs, signs, sizeof block->signs);
    ck_write_scales(block->scales, scales, CK_SUPER / CK_BLOCK);
}

/// Whether the offset of each block is the negative one.
CK_INLINE void ck_write_iq1_s(ck_iq1_s *block, uint16_t d, const int *scales, const int *numbers,
                              const uint8_t *is_negative) {
    block->d = d;
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        unsigned high = (unsigned)scales[b] << 12 | (unsigned)is_negative[b] << 15;
        for (int i = 0; i < 4; i++) {
            block->q[4 * b + i] = (uint8_t)numbers[4 * b + i];
            high |= (unsigned)(numbers[4 * b + i] >> 8) << 3 * i;
        }
        block->high[b] = (uint16_t)high;
    }
}

/// Numbers of 2048 and more have the negative offset.
CK_INLINE void ck_write_iq1_m(ck_iq1_m *block, uint16_t d, const int *scales, const int *numbers) {
    for (int i = 0; i < CK_SUPER / 8; i++) {
        block->q[i] = (uint8_t)numbers[i];
        block->high[i / 2] |= (uint8_t)(numbers[i] >> 8 << i % 2 * 4);
    }
    for (int s = 0; s < CK_SUPER / 16; s++)
        block->scales[s / 4] = (uint16_t)(block->scales[s / 4] | scales[s] << s % 4 * 3);
    for (int i = 0; i < 4; i++) block->scales[i] = (uint16_t)(block->scales[i] | (d >> 4 * i & 15) << 12);
}

#endif
