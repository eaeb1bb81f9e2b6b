// The common part of Q4_K and Q5_K: super-blocks of eight sub-blocks of 32 weights, each with a scale and a min of six bits.
#ifndef CK_SUPER_H
#define CK_SUPER_H

#include "ck_codes.h"
#include "ck_fit.h"

#define CK_SUBS (CK_SUPER / CK_BLOCK)

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
