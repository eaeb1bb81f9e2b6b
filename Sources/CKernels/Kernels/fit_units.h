// Quantising to the formats that are packed code by code: Q2_K, Q3_K and those whose codes stand for values. Sixteen weights
// are a vector here. As in fit.h, several scales are tried, codes follow, and the least square error is taken.

/// `a` where a lane of `condition` is −1, and `b` where it is 0.
CK_INLINE ck_f32x16 pick(ck_i32x16 condition, ck_f32x16 a, ck_f32x16 b) {
    return (ck_f32x16)((condition & (ck_i32x16)a) | (~condition & (ck_i32x16)b));
}

CK_INLINE ck_f32x16 all_of(float x) { return (ck_f32x16){0} + x; }

CK_INLINE ck_f32x16 load_weights(const float *x) {
    ck_f32x16 v;
    memcpy(&v, x, sizeof v);
    return v;
}

/// The sum of the lanes, those that are eight, four, two and one apart.
CK_INLINE float lane_sum(ck_f32x16 v) {
    float x[16];
    memcpy(x, &v, sizeof x);
    CK_UNROLL for (int width = 8; width > 0; width /= 2) CK_UNROLL for (int i = 0; i < width; i++) x[i] += x[i + width];
    return x[0];
}

/// See ck_code.
CK_INLINE ck_f32x16 lane_codes(ck_f32x16 x, float low, float high) {
    x = __builtin_elementwise_max(x, all_of(low));
    x = __builtin_elementwise_min(x, all_of(high));
    ck_f32x16 shifted = x + CK_ROUNDER;
    return shifted - CK_ROUNDER;
}

CK_INLINE void store_codes(uint8_t *codes, ck_f32x16 v) {
    ck_u8x16 narrow = __builtin_convertvector(__builtin_convertvector(v, ck_i32x16), ck_u8x16);
    memcpy(codes, &narrow, sizeof narrow);
}

/// Values in ascending order, and the code of each.
typedef struct {
    int count;
    float value[16];
    uint8_t code[16];
} value_order;

static const value_order CK_ISA(dense_order) = {
    16, CK_DENSE, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
static const value_order CK_ISA(e2m1_order) = {
    15, {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12}, {15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7}};

/// The value nearest to x; the least one for NaN.
CK_INLINE ck_f32x16 nearest_values(ck_f32x16 x, const value_order *order) {
    ck_f32x16 nearest = all_of(order->value[0]);
    CK_UNROLL for (int i = 1; i < 16; i++)
        if (i < order->count)
            nearest = pick(x > (order->value[i - 1] + order->value[i]) / 2, all_of(order->value[i]), nearest);
    return nearest;
}

/// Its code.
CK_INLINE void nearest_codes(uint8_t *codes, const float *weights, float inverse, const value_order *order) {
    ck_f32x16 x = load_weights(weights) * inverse;
    ck_i32x16 nearest = (ck_i32x16){0} + order->code[0];
    CK_UNROLL for (int i = 1; i < 16; i++)
        if (i < order->count)
            nearest = (ck_i32x16)pick(x > (order->value[i - 1] + order->value[i]) / 2,
                                      (ck_f32x16)((ck_i32x16){0} + order->code[i]), (ck_f32x16)nearest);
    ck_u8x16 narrow = __builtin_convertvector(nearest, ck_u8x16);
    memcpy(codes, &narrow, sizeof narrow);
}

/// Σ (x − scale · value)² over `n` weights, with the values that are nearest.
CK_INLINE float value_error(const float *x, const int n, float scale, const value_order *order) {
    const float inverse = ck_inverse(scale);
    ck_f32x16 sum = {0};
    CK_UNROLL for (int i = 0; i < n; i += 16) {
        ck_f32x16 weights = load_weights(x + i), off = weights - scale * nearest_values(weights * inverse, order);
        sum += off * off;
    }
    return lane_sum(sum);
}

/// The scale whose multiples of the dense values come nearest to 32 weights. Candidates map the weight of largest magnitude
/// to about the least value, and to about the largest.
CK_INLINE float fit_dense(const float *x) {
    const value_order *order = &CK_ISA(dense_order);
    float least, largest;
    ck_range(x, CK_BLOCK, &least, &largest);
    const float peak = -least > largest ? least : largest, inverse = ck_inverse(peak);
    float best = -1.0f / 127, gain = 0;
    ck_f32x16 y[2];
    for (int i = 0; i < 2; i++) y[i] = load_weights(x + 16 * i) * inverse;
    for (int step = 0; step < 28; step++) {
        const float factor = step < 18 ? (float)(2 * step - 147) : (float)(2 * step + 67);
        ck_f32x16 products = {0}, squares = {0};
        for (int i = 0; i < 2; i++) {
            ck_f32x16 value = nearest_values(y[i] * factor, order);
            products += y[i] * value;
            squares += value * value;
        }
        const float product = lane_sum(products), square = lane_sum(squares);
        if (product * product > gain * square) {
            gain = product * product / square;
            best = product / square;
        }
    }
    return best * peak;
}

CK_KERNEL void CK_ISA(quantize_iq4_nl)(void *restrict out, const float *restrict x, size_t n) {
    ck_iq4_nl *restrict block = out;
    uint8_t codes[CK_BLOCK];
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        block->d = ck_finite_half(fit_dense(x));
        const float inverse = ck_inverse(ck_half_value(block->d));
        for (int i = 0; i < CK_BLOCK; i += 16) nearest_codes(codes + i, x + i, inverse, &CK_ISA(dense_order));
        ck_write_nibbles(block->q, codes);
    }
}

/// A half such that −32 times it is the fitted scale of largest magnitude, or a bit more.
CK_INLINE uint16_t half_of_scales(const float *scales, int n) {
    float largest = 0;
    for (int i = 0; i < n; i++) largest = fabsf(scales[i]) > fabsf(largest) ? scales[i] : largest;
    const uint16_t size = ck_half_above(fabsf(largest) / 32);
    return largest > 0 ? size | 0x8000 : size;
}

CK_KERNEL void CK_ISA(quantize_iq4_xs)(void *restrict out, const float *restrict x, size_t n) {
    ck_iq4_xs *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        float scales[CK_SUBS];
        uint8_t codes[CK_BLOCK];
        for (int b = 0; b < CK_SUBS; b++) scales[b] = fit_dense(x + b * CK_BLOCK);
        *block = (ck_iq4_xs){.d = half_of_scales(scales, CK_SUBS)};
        const float d = ck_half_value(block->d);
        for (int b = 0; b < CK_SUBS; b++) {
            const float *weights = x + b * CK_BLOCK, rounded = ck_code(scales[b] * ck_inverse(d), -32, 31);
            float best = rounded, least = INFINITY;
            for (int step = -1; step <= 1; step++) {
                const float near = rounded + (float)step;
                const float error = value_error(weights, CK_BLOCK, d * near, &CK_ISA(dense_order));
                if (near < -32 || near > 31 || !(error < least)) continue;
                least = error;
                best = near;
            }
            for (int i = 0; i < CK_BLOCK; i += 16)
                nearest_codes(codes + i, weights + i, ck_inverse(d * best), &CK_ISA(dense_order));
            ck_write_nibbles(block->q + b * CK_BLOCK / 2, codes);
            const unsigned scale = (unsigned)((int)best + 32);
            block->low[b / 2] |= (uint8_t)((scale & 15) << b % 2 * 4);
            block->high = (uint16_t)(block->high | scale >> 4 << 2 * b);
        }
    }
}

CK_KERNEL void CK_ISA(quantize_mxfp4)(void *restrict out, const float *restrict x, size_t n) {
    ck_mxfp4 *restrict block = out;
    uint8_t codes[CK_BLOCK];
    for (; n >= CK_BLOCK; n -= CK_BLOCK, x += CK_BLOCK, block++) {
        float least, largest;
        ck_range(x, CK_BLOCK, &least, &largest);
        largest = -least > largest ? -least : largest;
        // The exponent for which the largest weight has a value from 4 to 8, doubled, and those beside it. Of 12 · 2^124 all
        // are finite.
        uint32_t bits;
        memcpy(&bits, &largest, sizeof bits);
        const int exponent = largest > 0 ? (int)(bits >> 23 & 255) : 0;
        float best = INFINITY;
        block->e = (uint8_t)(exponent - 2 < 0 ? 0 : exponent - 2 > 252 ? 252 : exponent - 2);
        for (int e = exponent - 3; e <= exponent; e++) {
            if (e < 0 || e > 252) continue;
            const float error = value_error(x, CK_BLOCK, ck_power_value((uint8_t)e), &CK_ISA(e2m1_order));
            if (!(error < best)) continue;
            best = error;
            block->e = (uint8_t)e;
        }
        const float inverse = ck_inverse(ck_power_value(block->e));
        for (int i = 0; i < CK_BLOCK; i += 16) nearest_codes(codes + i, x + i, inverse, &CK_ISA(e2m1_order));
        ck_write_nibbles(block->q, codes);
    }
}

CK_KERNEL void CK_ISA(quantize_nvfp4)(void *restrict out, const float *restrict x, size_t n) {
    ck_nvfp4 *restrict block = out;
    uint8_t codes[16];
    for (; n >= 64; n -= 64, x += 64, block++) {
        for (int s = 0; s < 4; s++) {
            const float *weights = x + 16 * s;
            float least, largest, best = INFINITY;
            ck_range(weights, 16, &least, &largest);
            largest = -least > largest ? -least : largest;
            // The scale that makes the largest weight 12 or a bit more, and those that make it less, 8 at least.
            const float scale = (largest < 2688 ? largest : 2688) / 12 * 0x1p-119f;
            uint32_t bits;
            memcpy(&bits, &scale, sizeof bits);
            const int first = largest > 0 ? (int)(bits >> 20) : 0;
            block->d[s] = (uint8_t)(first > 126 ? 126 : first);
            for (int d = first; d <= first + 6 && d <= 126; d++) {
                const float error = value_error(weights, 16, ck_e4m3_value((uint8_t)d), &CK_ISA(e2m1_order));
                if (!(error < best)) continue;
                best = error;
                block->d[s] = (uint8_t)d;
            }
            nearest_codes(codes, weights, ck_inverse(ck_e4m3_value(block->d[s])), &CK_ISA(e2m1_order));
            for (int i = 0; i < 8; i++) block->q[8 * s + i] = (uint8_t)(codes[i] | codes[8 + i] << 4);
        }
    }
}

/// Σ (x − (scale q − offset))² over sixteen weights, with the codes q from `low` to `high` that are nearest.
CK_INLINE float code_error(ck_f32x16 x, float scale, float offset, float low, float high) {
    ck_f32x16 moved = x + offset, off = moved - scale * lane_codes(moved * ck_inverse(scale), low, high);
    return lane_sum(off * off);
}

CK_KERNEL void CK_ISA(quantize_q3_k)(void *restrict out, const float *restrict x, size_t n) {
    ck_q3_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        float scales[CK_SUPER / 16];
        uint8_t codes[CK_SUPER];
        for (int s = 0; s < CK_SUPER / 16; s += CK_FIT_LANES) {
            block_lanes blocks;
            load_blocks(&blocks, x + s * 16, 16, CK_FIT_LANES);
            const fit_lanes fitted = fit_scales(&blocks, 16, 4);
            memcpy(scales + s, &fitted, sizeof fitted);
        }
        const uint16_t half = half_of_scales(scales, CK_SUPER / 16);
        const float d = ck_half_value(half);
        for (int s = 0; s < CK_SUPER / 16; s++) {
            const ck_f32x16 weights = load_weights(x + 16 * s);
            const float rounded = ck_code(scales[s] * ck_inverse(d), -32, 31);
            float best = rounded, least = INFINITY;
            for (int step = -1; step <= 1; step++) {
                const float near = rounded + (float)step, error = code_error(weights, d * near, 0, -4, 3);
                if (near < -32 || near > 31 || !(error < least)) continue;
                least = error;
                best = near;
            }
            store_codes(codes + 16 * s, lane_codes(weights * ck_inverse(d * best), -4, 3) + 4);
            scales[s] = best;
        }
        ck_write_q3_k(block, half, scales, codes);
    }
}

/// w = scale · q + low, low ≤ 0
typedef struct {
    float scale, low;
} small_line;

/// The line on which codes from 0 to 3 come near sixteen weights; see fit_lines.
CK_INLINE small_line fit_small_line(ck_f32x16 x, float least, float largest) {
    least = least > 0 ? 0 : least;
    const float range = largest - least, inverse = ck_inverse(range);
    small_line best = {1.0f / 3, 0};
    if (inverse == 0) return (small_line){0, least};
    const ck_f32x16 y = (x - least) * inverse;
    const float sum = lane_sum(y), squares = lane_sum(y * y), roof = -least * inverse;
    float least_error = INFINITY;
    for (int step = -10; step <= 10; step++) {
        const ck_f32x16 q = lane_codes(y * (3 + 0.1f * (float)step), 0, 3);
        const float q1 = lane_sum(q), q2 = lane_sum(q * q), qy = lane_sum(q * y), determinant = 16 * q2 - q1 * q1;
        if (!(determinant > 0)) continue;
        small_line line = {(16 * qy - q1 * sum) / determinant, (sum * q2 - q1 * qy) / determinant};
        if (line.low > roof) line = (small_line){(qy - roof * q1) / q2, roof};
        const float error = squares + line.scale * (line.scale * q2 + 2 * (q1 * line.low - qy))
                            + line.low * (16 * line.low - 2 * sum);
        if (!(error < least_error) || !(line.scale > 0)) continue;
        least_error = error;
        best = line;
    }
    return (small_line){best.scale * range, best.low * range + least};
}

CK_KERNEL void CK_ISA(quantize_q2_k)(void *restrict out, const float *restrict x, size_t n) {
    ck_q2_k *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        small_line lines[CK_SUPER / 16];
        float scale = 0, min = 0;
        uint8_t codes[CK_SUPER];
        for (int s = 0; s < CK_SUPER / 16; s++) {
            float least, largest;
            ck_range(x + 16 * s, 16, &least, &largest);
            lines[s] = fit_small_line(load_weights(x + 16 * s), least, largest);
            scale = lines[s].scale > scale ? lines[s].scale : scale;
            min = -lines[s].low > min ? -lines[s].low : min;
        }
        *block = (ck_q2_k){.d = ck_half_above(scale / 15), .dmin = ck_half_above(min / 15)};
        const float d = ck_half_value(block->d), dmin = ck_half_value(block->dmin);
        for (int s = 0; s < CK_SUPER / 16; s++) {
            const ck_f32x16 weights = load_weights(x + 16 * s);
            const float rounded_s = ck_code(lines[s].scale * ck_inverse(d), 0, 15);
            const float rounded_m = ck_code(-lines[s].low * ck_inverse(dmin), 0, 15);
            float best_s = rounded_s, best_m = rounded_m, least = INFINITY;
            for (int step = 0; step < 9; step++) {
                const float near_s = rounded_s + (float)(step / 3 - 1), near_m = rounded_m + (float)(step % 3 - 1);
                const float error = code_error(weights, d * near_s, dmin * near_m, 0, 3);
                if (near_s < 0 || near_s > 15 || near_m < 0 || near_m > 15 || !(error < least)) continue;
                least = error;
                best_s = near_s;
                best_m = near_m;
            }
            store_codes(codes + 16 * s, lane_codes((weights + dmin * best_m) * ck_inverse(d * best_s), 0, 3));
            block->scales[s] = (uint8_t)((unsigned)best_s | (unsigned)best_m << 4);
        }
        ck_write_two(block->q, codes);
    }
}

/// The scale whose multiples by −1, 0 and 1 come nearest to the weights of a super-block: the mean of the magnitudes above some
/// bound, for the best of some bounds.
CK_INLINE float fit_trits(const float *x) {
    float least, largest, best = 0, gain = 0;
    ck_f32x16 top = {0};
    for (int i = 0; i < CK_SUPER; i += 16) {
        ck_range(x + i, 16, &least, &largest);
        top[i / 16] = -least > largest ? -least : largest;
    }
    const float peak = __builtin_reduce_max(top), inverse = ck_inverse(peak);
    const ck_f32x16 one = all_of(1), none = {0};
    for (int step = 1; step < 32; step++) {
        ck_f32x16 sums = none, counts = none;
        for (int i = 0; i < CK_SUPER; i += 16) {
            ck_f32x16 y = load_weights(x + i) * inverse;
            y = (ck_f32x16)((ck_i32x16)y & 0x7fffffff);
            const ck_i32x16 is_above = y > (float)step / 32;
            sums += pick(is_above, y, none);
            counts += pick(is_above, one, none);
        }
        const float sum = lane_sum(sums), count = lane_sum(counts);
        if (sum * sum > gain * count) {
            gain = sum * sum / count;
            best = sum / count;
        }
    }
    return best * peak;
}

/// The codes 0, 1 and 2 of a super-block's weights, for a scale that is returned as a half.
CK_INLINE uint16_t trit_codes(uint8_t codes[CK_SUPER], const float *x) {
    const uint16_t d = ck_finite_half(fit_trits(x));
    const float inverse = ck_inverse(ck_half_value(d));
    for (int i = 0; i < CK_SUPER; i += 16) store_codes(codes + i, lane_codes(load_weights(x + i) * inverse, -1, 1) + 1);
    return d;
}

CK_KERNEL void CK_ISA(quantize_tq2_0)(void *restrict out, const float *restrict x, size_t n) {
    ck_tq2_0 *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        uint8_t codes[CK_SUPER];
        block->d = trit_codes(codes, x);
        ck_write_two(block->q, codes);
    }
}

/// `count` bytes of `digits` trits, the first of each the highest; those of a byte are `count` apart. A fraction that is rounded
/// up has the same digits.
CK_INLINE void write_trits(uint8_t *restrict q, const uint8_t *restrict codes, int count, int digits) {
    for (int j = 0; j < count; j++) {
        unsigned number = 0;
        for (int t = 0; t < 5; t++) number = 3 * number + (t < digits ? codes[count * t + j] : 0);
        q[j] = (uint8_t)((number * 256 + 242) / 243);
    }
}

CK_KERNEL void CK_ISA(quantize_tq1_0)(void *restrict out, const float *restrict x, size_t n) {
    ck_tq1_0 *restrict block = out;
    for (; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, block++) {
        uint8_t codes[CK_SUPER];
        block->d = trit_codes(codes, x);
        write_trits(block->q, codes, 32, 5);
        write_trits(block->q + 32, codes + 160, 16, 5);
        write_trits(block->last, codes + 240, 4, 4);
    }
}
