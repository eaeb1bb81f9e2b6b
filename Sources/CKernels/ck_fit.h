// Scales as halves, and codes of given scales; Kernels/fit.h finds the scales.
#ifndef CK_FIT_H
#define CK_FIT_H

#include <math.h>

#include "ck_blocks.h"
#include "ck_internal.h"

/// The nearest half that is finite; NaN becomes the largest one.
CK_INLINE uint16_t ck_finite_half(float value) {
    value = value < 65504.0f ? value : 65504.0f;
    _Float16 half = (_Float16)(value > -65504.0f ? value : -65504.0f);
    uint16_t bits;
    memcpy(&bits, &half, sizeof bits);
    return bits;
}

CK_INLINE float ck_half_value(uint16_t bits) {
    _Float16 half;
    memcpy(&half, &bits, sizeof half);
    return (float)half;
}

/// The least half that is no less than a value ≥ 0, cut to the largest one: no code that it scales is cut off, and
/// tiny weights do not become zero.
CK_INLINE uint16_t ck_half_above(float value) {
    uint16_t bits = ck_finite_half(value);
    return ck_half_value(bits) < value && bits < 0x7bff ? (uint16_t)(bits + 1) : bits;
}

/// 1 / x, or 0 where that is none or no finite number.
CK_INLINE float ck_inverse(float x) { return fabsf(x) > 1e-30f ? 1.0f / x : 0.0f; }

/// The integer nearest to x within low … high, as a float; NaN becomes `low`. Not subject to CK_FAST, which would take
/// the rounding away.
CK_INLINE float ck_code(float x, float low, float high) {
    x = x > low ? x : low;
    x = x < high ? x : high;
    float shifted = x + 12582912.0f;  // 1.5 · 2^23: the fraction is rounded off
    return shifted - 12582912.0f;
}

/// Least and largest of n values, a power of two from 16 to 32; NaN is neither.
CK_INLINE void ck_range(const float *x, int n, float *least, float *largest) {
    float low[16], high[16];
    for (int i = 0; i < 16; i++) {
        low[i] = x[i] == x[i] ? x[i] : INFINITY;
        high[i] = x[i] == x[i] ? x[i] : -INFINITY;
    }
    for (int i = 16; i < n; i++) {
        low[i - 16] = x[i] < low[i - 16] ? x[i] : low[i - 16];
        high[i - 16] = x[i] > high[i - 16] ? x[i] : high[i - 16];
    }
    for (int width = 8; width > 0; width /= 2) {
        for (int i = 0; i < width; i++) {
            low[i] = low[i] < low[i + width] ? low[i] : low[i + width];
            high[i] = high[i] > high[i + width] ? high[i] : high[i + width];
        }
    }
    *least = low[0];
    *largest = high[0];
}

/// The codes of a block, from 0 to `levels`, that are nearest to inverse · x + offset.
CK_INLINE void ck_round_codes(uint8_t *restrict codes, const float *restrict x, float inverse, float offset,
                              float levels) {
    for (int i = 0; i < CK_BLOCK; i++) codes[i] = (uint8_t)ck_code(x[i] * inverse + offset, 0, levels);
}

#endif
