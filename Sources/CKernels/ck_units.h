// Blocks of the formats that are packed code by code, read as codes of panels and as scales: the one place that knows where
// each of these formats has them, for unpacking and packing alike.
#ifndef CK_UNITS_H
#define CK_UNITS_H

#include "ck_codes.h"
#include "ck_fit.h"
#include "ck_grids.h"
#include "panel.h"

/// What the sixteen codes of a format stand for, and the factor of its scales.
typedef struct {
    int8_t value[16];
    float factor;
} ck_values;

/// The doubled numbers of E2M1 (OCP Microscaling Formats 1.0), above −12.
#define CK_E2M1 {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0}
static const ck_values ck_values_q2_k = {{0}, 1}, ck_values_q3_k = {{0}, 1};
static const ck_values ck_values_mxfp4 = {CK_E2M1, 1}, ck_values_nvfp4 = {CK_E2M1, 1}, ck_values_fp4 = {CK_E2M1, 1};
static const ck_values ck_values_i8_1 = {{0}, 1};
/// The values that ggml's format defines: denser around zero.
#define CK_DENSE {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
static const ck_values ck_values_iq4_nl = {CK_DENSE, 1}, ck_values_iq4_xs = {CK_DENSE, 1};
static const ck_values ck_values_tq1_0 = {{0}, 1}, ck_values_tq2_0 = {{0}, 1};
/// The magnitudes of IQ2, IQ3 and IQ1 and behind each of them its negative; the factors make scales odd integers.
#define CK_TWO_BITS {8, 25, 43, 0, -8, -25, -43, 0}
static const ck_values ck_values_iq2_xxs = {CK_TWO_BITS, 0.125f}, ck_values_iq2_xs = {CK_TWO_BITS, 0.125f};
static const ck_values ck_values_iq2_s = {CK_TWO_BITS, 0.125f};
static const ck_values ck_values_iq3_xxs = {
    {4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62}, 0.25f};
static const ck_values ck_values_iq3_s = {{1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15}, 1};
#define CK_TRITS {-7, 1, 9, 0, -9, -1, 7, 0}
static const ck_values ck_values_iq1_s = {CK_TRITS, 0.125f}, ck_values_iq1_m = {CK_TRITS, 0.125f};

/// A block of a file: up to a super-block of weights.
typedef struct {
    /// Codes as panels have them, in order.
    uint8_t codes[CK_SUPER];
    /// Halves, of those that have them: scale and min, or the scales of two sub-blocks.
    uint16_t d, dmin;
    /// The bytes of its scales as panels have them: one for each kind.sub columns.
    uint8_t scales[CK_SUPER / 16];
} ck_unit;

CK_INLINE void ck_read_q2_k(ck_unit *restrict unit, const ck_q2_k *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++)
        for (int i = 0; i < CK_BLOCK; i++)
            unit->codes[b * CK_BLOCK + i] = block->q[b / 4 * CK_BLOCK + i] >> 2 * (b % 4) & 3;
    memcpy(unit->scales, block->scales, sizeof unit->scales);
    unit->d = block->d;
    unit->dmin = block->dmin;
}

CK_INLINE void ck_read_q3_k(ck_unit *restrict unit, const ck_q3_k *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++)
        for (int i = 0; i < CK_BLOCK; i++)
            unit->codes[b * CK_BLOCK + i] = (uint8_t)((block->q[b / 4 * CK_BLOCK + i] >> 2 * (b % 4) & 3)
                                                      | (block->high[i] >> b & 1) << 2);
    for (int s = 0; s < CK_SUPER / 16; s++) {
        int low = block->scales[s % 8] >> s / 8 * 4 & 15, high = block->scales[8 + s % 4] >> 2 * (s / 4) & 3;
        unit->scales[s] = (uint8_t)((low | high << 4) - 32);
    }
    unit->d = block->d;
}

CK_INLINE void ck_read_iq4_nl(ck_unit *restrict unit, const ck_iq4_nl *restrict block) {
    ck_read_nibbles(unit->codes, block->q);
    unit->d = block->d;
}

CK_INLINE void ck_read_iq4_xs(ck_unit *restrict unit, const ck_iq4_xs *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        ck_read_nibbles(unit->codes + b * CK_BLOCK, block->q + b * CK_BLOCK / 2);
        int low = block->low[b / 2] >> b % 2 * 4 & 15, high = block->high >> 2 * b & 3;
        unit->scales[b] = (uint8_t)((low | high << 4) - 32);
    }
    unit->d = block->d;
}

CK_INLINE void ck_read_mxfp4(ck_unit *restrict unit, const ck_mxfp4 *restrict block) {
    ck_read_nibbles(unit->codes, block->q);
    unit->scales[0] = block->e;
}

CK_INLINE void ck_read_nvfp4(ck_unit *restrict unit, const ck_nvfp4 *restrict block) {
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < 8; i++) {
            unit->codes[16 * s + i] = block->q[8 * s + i] & 15;
            unit->codes[16 * s + 8 + i] = block->q[8 * s + i] >> 4;
        }
        // Panels have no sign and no number that is none.
        unit->scales[s] = block->d[s] == 127 ? 0 : block->d[s] & 127;
    }
}

CK_INLINE void ck_read_fp4(ck_unit *restrict unit, const ck_fp4 *restrict block) {
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 8; i++) {
            unit->codes[16 * s + i] = block->q[8 * s + i] & 15;
            unit->codes[16 * s + 8 + i] = block->q[8 * s + i] >> 4;
        }
    unit->d = block->d[0];
    unit->dmin = block->d[1];
}

CK_INLINE void ck_read_i8_1(ck_unit *restrict unit, const ck_i8_1 *restrict block) {
    memcpy(unit->codes, block->q, sizeof block->q);
    unit->d = block->d;
    unit->dmin = block->m;
}

CK_INLINE void ck_read_tq1_0(ck_unit *restrict unit, const ck_tq1_0 *restrict block) {
    static const uint8_t power[] = {1, 3, 9, 27, 81};
    uint8_t *codes = unit->codes;
    // Multiplied by a power of three, whose whole part is gone, the fraction begins with the digit.
    for (int t = 0; t < 5; t++) {
        for (int j = 0; j < 32; j++) codes[32 * t + j] = (uint8_t)((uint8_t)(block->q[j] * power[t]) * 3 >> 8);
        for (int j = 0; j < 16; j++) codes[160 + 16 * t + j] = (uint8_t)((uint8_t)(block->q[32 + j] * power[t]) * 3 >> 8);
        for (int j = 0; j < 4 && t < 4; j++)
            codes[240 + 4 * t + j] = (uint8_t)((uint8_t)(block->last[j] * power[t]) * 3 >> 8);
    }
    unit->d = block->d;
}

CK_INLINE void ck_read_tq2_0(ck_unit *restrict unit, const ck_tq2_0 *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++)
        for (int i = 0; i < CK_BLOCK; i++)
            unit->codes[b * CK_BLOCK + i] = block->q[b / 4 * CK_BLOCK + i] >> 2 * (b % 4) & 3;
    unit->d = block->d;
}

/// Eight codes of two bits, and a third for those that are negative.
CK_INLINE void ck_spread_eight(uint8_t *restrict codes, uint16_t entry, unsigned signs) {
    for (int i = 0; i < 8; i++) codes[i] = (uint8_t)((entry >> 2 * i & 3) | (signs >> i & 1) << 2);
}

/// Four codes of three bits, and a fourth for those that are negative.
CK_INLINE void ck_spread_four(uint8_t *restrict codes, uint16_t entry, unsigned signs) {
    for (int i = 0; i < 4; i++) codes[i] = (uint8_t)((entry >> 3 * i & 7) | (signs >> i & 1) << 3);
}

/// The signs of eight weights of which seven are told.
CK_INLINE unsigned ck_even_signs(unsigned seven) { return seven | ((unsigned)__builtin_popcount(seven) & 1) << 7; }

CK_INLINE void ck_read_iq2_xxs(ck_unit *restrict unit, const ck_iq2_xxs *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        const uint16_t *q = block->q + 4 * b;
        const uint32_t word = q[2] | (uint32_t)q[3] << 16;
        for (int i = 0; i < 4; i++)
            ck_spread_eight(unit->codes + 32 * b + 8 * i, ck_grid_iq2_xxs[q[i / 2] >> 8 * (i % 2) & 255],
                            ck_even_signs(word >> 7 * i & 127));
        unit->scales[2 * b] = unit->scales[2 * b + 1] = (uint8_t)(2 * (word >> 28) + 1);
    }
    unit->d = block->d;
}

CK_INLINE void ck_read_iq2_xs(ck_unit *restrict unit, const ck_iq2_xs *restrict block) {
    for (int i = 0; i < CK_SUPER / 8; i++)
        ck_spread_eight(unit->codes + 8 * i, ck_grid_iq2_xs[block->q[i] & 511], ck_even_signs(block->q[i] >> 9));
    for (int s = 0; s < CK_SUPER / 16; s++)
        unit->scales[s] = (uint8_t)(2 * (block->scales[s / 2] >> s % 2 * 4 & 15) + 1);
    unit->d = block->d;
}

CK_INLINE void ck_read_iq2_s(ck_unit *restrict unit, const ck_iq2_s *restrict block) {
    for (int i = 0; i < CK_SUPER / 8; i++)
        ck_spread_eight(unit->codes + 8 * i, ck_grid_iq2_s[block->q[i] | (block->high[i / 4] >> 2 * (i % 4) & 3) << 8],
                        block->signs[i]);
    for (int s = 0; s < CK_SUPER / 16; s++)
        unit->scales[s] = (uint8_t)(2 * (block->scales[s / 2] >> s % 2 * 4 & 15) + 1);
    unit->d = block->d;
}

CK_INLINE void ck_read_iq3_xxs(ck_unit *restrict unit, const ck_iq3_xxs *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        const uint32_t word = block->signs[2 * b] | (uint32_t)block->signs[2 * b + 1] << 16;
        for (int i = 0; i < 8; i++)
            ck_spread_four(unit->codes + 32 * b + 4 * i, ck_grid_iq3_xxs[block->q[8 * b + i]],
                           ck_even_signs(word >> 7 * (i / 2) & 127) >> i % 2 * 4);
        unit->scales[b] = (uint8_t)(2 * (word >> 28) + 1);
    }
    unit->d = block->d;
}

CK_INLINE void ck_read_iq3_s(ck_unit *restrict unit, const ck_iq3_s *restrict block) {
    for (int i = 0; i < CK_SUPER / 4; i++)
        ck_spread_four(unit->codes + 4 * i, ck_grid_iq3_s[block->q[i] | (block->high[i / 8] >> i % 8 & 1) << 8],
                       (unsigned)block->signs[i / 2] >> i % 2 * 4);
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++)
        unit->scales[b] = (uint8_t)(2 * (block->scales[b / 2] >> b % 2 * 4 & 15) + 1);
    unit->d = block->d;
}

CK_INLINE void ck_read_iq1_s(ck_unit *restrict unit, const ck_iq1_s *restrict block) {
    for (int b = 0; b < CK_SUPER / CK_BLOCK; b++) {
        const unsigned high = block->high[b];
        for (int i = 0; i < 4; i++)
            ck_spread_eight(unit->codes + 32 * b + 8 * i, ck_grid_iq1[block->q[4 * b + i] | (high >> 3 * i & 7) << 8],
                            high >> 15 ? 255 : 0);
        unit->scales[2 * b] = unit->scales[2 * b + 1] = (uint8_t)(2 * (high >> 12 & 7) + 1);
    }
    unit->d = block->d;
}

CK_INLINE void ck_read_iq1_m(ck_unit *restrict unit, const ck_iq1_m *restrict block) {
    for (int i = 0; i < CK_SUPER / 8; i++) {
        const unsigned high = (unsigned)block->high[i / 2] >> i % 2 * 4;
        ck_spread_eight(unit->codes + 8 * i, ck_grid_iq1[block->q[i] | (high & 7) << 8], high & 8 ? 255 : 0);
    }
    for (int s = 0; s < CK_SUPER / 16; s++)
        unit->scales[s] = (uint8_t)(2 * (block->scales[s / 4] >> s % 4 * 3 & 7) + 1);
    unsigned d = 0;
    for (int i = 0; i < 4; i++) d |= (unsigned)block->scales[i] >> 12 << 4 * i;
    unit->d = (uint16_t)d;
}

/// 2^(e − 128), the half of what E8M0 means, because values are doubled.
CK_INLINE float ck_power_value(uint8_t e) {
    uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// Half of what seven bits of E4M3 mean, likewise: their fraction's highest bit is that of a float, and 2^119 moves the
/// exponent, of numbers without a leading one too.
CK_INLINE float ck_e4m3_value(uint8_t e4m3) {
    uint32_t bits = (uint32_t)e4m3 << 20;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value * 0x1p119f;
}

/// The scale of columns whose scale is number `index` of a unit, and their min.
CK_INLINE float ck_unit_scale(const ck_unit *unit, int index, ck_panel_kind kind, const ck_values *values, float *min) {
    *min = !kind.super && kind.mins ? -ck_half_value(unit->dmin) : 0;
    const uint8_t scale = unit->scales[index];
    if (!kind.super)
        return kind.scale == CK_SCALE_HALF    ? ck_half_value(index == 0 ? unit->d : unit->dmin)
               : kind.scale == CK_SCALE_POWER ? ck_power_value(scale)
                                              : ck_e4m3_value(scale);
    const float d = ck_half_value(unit->d) * values->factor;
    if (kind.sub == CK_SUPER) return d;
    if (!kind.mins) return d * (float)(int8_t)scale;
    *min = ck_half_value(unit->dmin) * (float)(scale >> 4);
    return d * (float)(scale & 15);
}

/// What a code is multiplied with, a small integer.
CK_INLINE int ck_code_value(int code, ck_panel_kind kind, const ck_values *values) {
    if (kind.values) code = values->value[code];
    return ck_panel_width(kind) == 8 ? (int8_t)code : code - ck_panel_centre(kind);
}

/// The `n` weights of a unit. Scales have so few bits that products with values are exact.
CK_INLINE void ck_weigh_unit(float *restrict out, const ck_unit *restrict unit, int n, ck_panel_kind kind,
                             const ck_values *values) {
    for (int s = 0; s < n / kind.sub; s++) {
        float min, scale = ck_unit_scale(unit, s, kind, values, &min);
        for (int i = s * kind.sub; i < (s + 1) * kind.sub; i++)
            out[i] = scale * (float)ck_code_value(unit->codes[i], kind, values) - min;
    }
}

#endif
