// How scales and codes are found: the codes of several candidate scales are tried, and for each the scale that suits
// these codes best follows by least squares. Errors are plain squares: every weight counts alike.
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

/// A scale s for which s · q comes near x, q being integers from −levels to levels − 1. Candidates map the value of
/// largest magnitude to about −levels. Codes q determine s = Σ x q / Σ q², which leaves Σ x² − (Σ x q)² / Σ q².
CK_INLINE float ck_fit_scale(const float *x, int n, float levels) {
    float least, largest, y[CK_BLOCK];
    ck_range(x, n, &least, &largest);
    float peak = -least > largest ? least : largest, inverse = ck_inverse(peak), best = -1.0f / levels, gain = 0;
    for (int i = 0; i < n; i++) y[i] = x[i] * inverse;
    for (int step = -9; step <= 9; step++) {
        CK_FAST
        float factor = -(levels + 0.1f * (float)step), products = 0, squares = 0;
        for (int i = 0; i < n; i++) {
            float q = ck_code(y[i] * factor, -levels, levels - 1);
            products += y[i] * q;
            squares += q * q;
        }
        if (products * products > gain * squares) {
            gain = products * products / squares;
            best = products / squares;
        }
    }
    return best * peak;
}

/// w = scale · q + low
typedef struct { float scale, low; } ck_line;

/// A line on which codes q from 0 to `levels` come near x, by linear regression over the codes of each candidate.
/// With `below_zero`, low ≤ 0.
CK_INLINE ck_line ck_fit_line(const float *x, int n, float levels, int below_zero) {
    float least, largest, y[CK_BLOCK];
    ck_range(x, n, &least, &largest);
    if (below_zero && least > 0) least = 0;
    float range = largest - least, inverse = ck_inverse(range), sum = 0, squares = 0;
    if (inverse == 0) return (ck_line){0, least};
    // Distances from the least value in units of the range, which keeps the sums below free of cancellation.
    for (int i = 0; i < n; i++) y[i] = (x[i] - least) * inverse;
    float roof = -least * inverse;
    for (int i = 0; i < n; i++) {
        CK_FAST
        sum += y[i];
        squares += y[i] * y[i];
    }
    ck_line best = {1.0f / levels, 0};
    float least_error = INFINITY;
    for (int step = -10; step <= 10; step++) {
        CK_FAST
        float factor = levels + 0.1f * (float)step, q1 = 0, q2 = 0, qy = 0, count = (float)n;
        for (int i = 0; i < n; i++) {
            float q = ck_code(y[i] * factor, 0, levels);
            q1 += q;
            q2 += q * q;
            qy += q * y[i];
        }
        float determinant = count * q2 - q1 * q1;
        if (!(determinant > 0)) continue;
        ck_line line = {(count * qy - q1 * sum) / determinant, (q2 * sum - q1 * qy) / determinant};
        if (below_zero && line.low > roof) line = (ck_line){(qy - roof * q1) / q2, roof};
        // Σ (y − scale q − low)², multiplied out.
        float error = squares + line.scale * (line.scale * q2 + 2 * (line.low * q1 - qy))
            + line.low * (line.low * count - 2 * sum);
        if (error < least_error && line.scale > 0) {
            least_error = error;
            best = line;
        }
    }
    return (ck_line){best.scale * range, best.low * range + least};
}

/// The codes of a block, from 0 to `levels`, that are nearest to inverse · x + offset.
CK_INLINE void ck_round_codes(uint8_t *restrict codes, const float *restrict x, float inverse, float offset,
                              float levels) {
    for (int i = 0; i < CK_BLOCK; i++) codes[i] = (uint8_t)ck_code(x[i] * inverse + offset, 0, levels);
}

#endif
