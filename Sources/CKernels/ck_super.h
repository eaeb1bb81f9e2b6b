// The common part of Q4_K and Q5_K: super-blocks of eight sub-blocks of 32 weights, each with a scale and a min of six bits.
#ifndef CK_SUPER_H
#define CK_SUPER_H

#include "ck_codes.h"
#include "ck_fit.h"

#define CK_SUBS (CK_SUPER / CK_BLOCK)

/// Σ (x − (scale q − offset))² with the codes q that are nearest.
CK_INLINE float ck_line_error(const float *x, float scale, float offset, float levels) {
    CK_FAST
    float inverse = ck_inverse(scale), error = 0;
    for (int i = 0; i < CK_BLOCK; i++) {
        float off = x[i] + offset - scale * ck_code((x[i] + offset) * inverse, 0, levels);
        error += off * off;
    }
    return error;
}

/// Puts scale and min of sub-block b into their bits; in order of b, because later ones share bytes with earlier ones.
CK_INLINE void ck_pack_super_scale(uint8_t *packed, int b, unsigned scale, unsigned min) {
    if (b < 4) {
        packed[b] = (uint8_t)scale;
        packed[4 + b] = (uint8_t)min;
    } else {
        packed[4 + b] = (uint8_t)((scale & 15) | (min & 15) << 4);
        packed[b - 4] |= (uint8_t)(scale >> 4 << 6);
        packed[b] |= (uint8_t)(min >> 4 << 6);
    }
}

/// Writes the codes of a super-block, one a byte, and what scales them. Each sub-block is fitted by itself; of the
/// six-bit scales and mins around the fit, the pair with the least error is taken.
CK_INLINE void ck_quantize_super(uint8_t *restrict codes, uint16_t *d, uint16_t *dmin, uint8_t *restrict packed,
                                 const float *restrict x, float levels) {
    ck_line lines[CK_SUBS];
    float scale = 0, min = 0;
    for (int b = 0; b < CK_SUBS; b++) {
        lines[b] = ck_fit_line(x + b * CK_BLOCK, CK_BLOCK, levels, 1);
        scale = lines[b].scale > scale ? lines[b].scale : scale;
        min = -lines[b].low > min ? -lines[b].low : min;
    }
    *d = ck_half_above(scale / 63);
    *dmin = ck_half_above(min / 63);
    scale = ck_half_value(*d);
    min = ck_half_value(*dmin);
    for (int b = 0; b < CK_SUBS; b++, x += CK_BLOCK, codes += CK_BLOCK) {
        float s = ck_code(lines[b].scale * ck_inverse(scale), 0, 63), m = ck_code(-lines[b].low * ck_inverse(min), 0, 63);
        float best_s = s, best_m = m, least = INFINITY;
        for (float near_s = s > 0 ? s - 1 : s; near_s <= s + 1 && near_s <= 63; near_s++) {
            for (float near_m = m > 0 ? m - 1 : m; near_m <= m + 1 && near_m <= 63; near_m++) {
                float error = ck_line_error(x, scale * near_s, min * near_m, levels);
                if (error < least) {
                    least = error;
                    best_s = near_s;
                    best_m = near_m;
                }
            }
        }
        ck_pack_super_scale(packed, b, (unsigned)best_s, (unsigned)best_m);
        float inverse = ck_inverse(scale * best_s), offset = min * best_m;
        for (int i = 0; i < CK_BLOCK; i++) codes[i] = (uint8_t)ck_code((x[i] + offset) * inverse, 0, levels);
    }
}

/// Scale and min of sub-block b.
CK_INLINE void ck_super_scale(const uint8_t *packed, int b, int *scale, int *min) {
    *scale = b < 4 ? packed[b] & 63 : (packed[4 + b] & 15) | (packed[b - 4] >> 6) << 4;
    *min = b < 4 ? packed[4 + b] & 63 : packed[4 + b] >> 4 | (packed[b] >> 6) << 4;
}

/// The weights of a super-block. `fifth` holds the bits above the nibbles, and is null where there are none.
CK_INLINE void ck_unpack_super(float *restrict out, uint16_t half_d, uint16_t half_dmin, const uint8_t *restrict packed,
                               const uint8_t *restrict q, const uint8_t *restrict fifth) {
    for (int b = 0; b < CK_SUBS; b++) {
        int scale, min;
        uint8_t codes[CK_BLOCK];
        ck_super_scale(packed, b, &scale, &min);
        float d = ck_half_value(half_d) * (float)scale, m = ck_half_value(half_dmin) * (float)min;
        ck_read_super(codes, q, fifth, b);
        ck_weigh_codes(out + b * CK_BLOCK, codes, d, 0, -m);
    }
}

#endif
