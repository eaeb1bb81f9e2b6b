// Quantising where columns matter unlike: the squares of errors are multiplied by the importance of their columns, the mean
// squares of what these are multiplied with. Then Σ importance · (error)² is the mean square of a product's error, as far as
// inputs are independent. That is llama.cpp's importance matrix (ggml-quants.c, `quant_weights`, and pull request 4861), which
// favours large weights beyond that; here their importance alone counts. Beside scales that map the largest weight to some
// code, those are tried that suit the codes found.

/// A function that is compiled once: it takes longer than a call.
#define CK_APART static __attribute__((noinline))

/// What n weights matter: the importance of their columns, relative to their mean so that sums stay in range, and a share of
/// what others matter, since a text does not show all inputs. A null `importance` is that of columns that matter alike.
CK_APART void relative_importance(float *restrict out, const float *restrict importance, const int n) {
    ck_f32x16 sums = {0}, roots = {0};
    for (int i = 0; importance && i < n; i += 16) {
        const ck_f32x16 values = load_weights(importance + i);
        sums += values;
        roots += __builtin_elementwise_sqrt(values);
    }
    const float mean = lane_sum(sums) / (float)n, root = lane_sum(roots) / (float)n;
    const int is_sound = mean > 1e-30f && mean < 1e37f;
    // The mean of roots, squared, is hardly that of a few columns that matter much more than all others.
    const float share = is_sound ? 0.25f * root * root / mean + 1e-6f : 0;
    for (int i = 0; i < n; i++) out[i] = is_sound ? importance[i] / mean + share : 1;
}

/// What a format's codes and scales may be: w = scale · value(code) − min.
typedef struct {
    /// Weights of a scale, 16 or 32.
    int sub;
    /// The least and the largest code.
    float low, high;
    /// The values of codes; null for the codes themselves.
    const value_order *values;
    /// The least and the largest integer that a scale is of `d`.
    float least_scale, most_scale;
    /// The largest integer that a min is of `dmin`; 0 for formats without mins.
    float most_min;
} weighted_kind;

/// The values of a scale's codes that are nearest to x.
CK_INLINE ck_f32x16 nearest_of(ck_f32x16 x, const weighted_kind *kind) {
    return kind->values ? nearest_values(x, kind->values) : lane_codes(x, kind->low, kind->high);
}

/// Σ importance · value · x and Σ importance · value² over the values nearest to factor · x.
CK_APART void weighted_sums(const float *x, const float *importance, float factor, const weighted_kind *kind,
                             float *product, float *square) {
    ck_f32x16 products = {0}, squares = {0};
    for (int i = 0; i < kind->sub; i += 16) {
        const ck_f32x16 weights = load_weights(x + i), value = nearest_of(weights * factor, kind);
        const ck_f32x16 weighted = load_weights(importance + i) * value;
        products += weighted * weights;
        squares += weighted * value;
    }
    *product = lane_sum(products);
    *square = lane_sum(squares);
}

/// The scale whose multiples by the kind's values come nearest to `kind->sub` weights.
CK_APART float fit_weighted_scale(const float *x, const float *importance, const weighted_kind *kind) {
    float largest = 0, best = 0, gain = 0;
    for (int i = 0; i < kind->sub; i++) largest = fabsf(x[i]) > fabsf(largest) ? x[i] : largest;
    const float inverse = ck_inverse(largest);
    if (inverse == 0) return 0;
    const float least = kind->values ? kind->values->value[0] : kind->low;
    const float most = kind->values ? kind->values->value[kind->values->count - 1] : kind->high;
    float product, square;
    for (int step = 0; step < 40; step++) {
        // From seven tenths of the outermost values to a half more than them, on either side.
        const float end = step < 20 ? least : most, factor = end * (0.72f + 0.04f * (float)(step % 20)) * inverse;
        weighted_sums(x, importance, factor, kind, &product, &square);
        if (!(product * product > gain * square)) continue;
        gain = product * product / square;
        best = product / square;
    }
    for (int step = 0; step < 4; step++) {
        weighted_sums(x, importance, ck_inverse(best), kind, &product, &square);
        if (!(product * product > gain * square)) break;
        gain = product * product / square;
        best = product / square;
    }
    return best;
}

/// The line on which codes from 0 to `kind->high` come near `kind->sub` weights, low ≤ 0 if `is_below_zero`.
CK_APART small_line fit_weighted_line(const float *x, const float *importance, const weighted_kind *kind,
                                       const int is_below_zero) {
    float least, largest;
    ck_range(x, kind->sub, &least, &largest);
    if (is_below_zero) least = least > 0 ? 0 : least;
    const float range = largest - least, inverse = ck_inverse(range), levels = kind->high;
    if (inverse == 0) return (small_line){0, least};
    ck_f32x16 y[2], w[2], sums = {0}, moments = {0}, squares = {0};
    for (int i = 0; i < kind->sub; i += 16) {
        y[i / 16] = (load_weights(x + i) - least) * inverse;
        w[i / 16] = load_weights(importance + i);
        sums += w[i / 16];
        moments += w[i / 16] * y[i / 16];
        squares += w[i / 16] * y[i / 16] * y[i / 16];
    }
    const float sum = lane_sum(sums), moment = lane_sum(moments), square = lane_sum(squares), roof = -least * inverse;
    float least_error = INFINITY;
    small_line best = {1 / levels, 0};
    for (int step = -20; step < 36; step++) {
        // The last steps take the codes of the best line.
        if (step >= 32 && !(least_error < INFINITY)) break;
        const float factor = step < 32 ? levels + 0.05f * (float)step : ck_inverse(best.scale);
        const float start = step < 32 ? 0 : best.low;
        ck_f32x16 of_codes = {0}, of_squares = {0}, of_products = {0};
        for (int i = 0; i < kind->sub; i += 16) {
            const ck_f32x16 q = lane_codes((y[i / 16] - start) * factor, 0, levels), weighted = w[i / 16] * q;
            of_codes += weighted;
            of_squares += weighted * q;
            of_products += weighted * y[i / 16];
        }
        const float q1 = lane_sum(of_codes), q2 = lane_sum(of_squares), qy = lane_sum(of_products);
        const float determinant = sum * q2 - q1 * q1;
        if (!(determinant > 0)) continue;
        small_line line = {(sum * qy - q1 * moment) / determinant, (moment * q2 - q1 * qy) / determinant};
        if (is_below_zero && line.low > roof) line = (small_line){(qy - roof * q1) / q2, roof};
        const float error = square + line.scale * (line.scale * q2 + 2 * (q1 * line.low - qy))
                            + line.low * (sum * line.low - 2 * moment);
        if (!(error < least_error) || !(line.scale > 0)) continue;
        least_error = error;
        best = line;
    }
    return (small_line){best.scale * range, best.low * range + least};
}

/// A super-block: scales and mins as integers, what they are multiples of, and codes above the least one.
typedef struct {
    uint16_t d, dmin;
    float scales[CK_SUPER / 16], mins[CK_SUPER / 16];
    uint8_t codes[CK_SUPER];
} weighted_super;

/// What rounding to nearest values leaves, and the sums of which better scales of all of them follow.
typedef struct {
    double error, pp, pm, mm, xp, xm;
} weighted_rest;

/// Adds what a scale and a min, in multiples of d and dmin, leave of `kind->sub` weights. The sums are those of products of
/// p = scale · value, of m = −min, and of x.
CK_APART float weighted_error(const float *x, const float *importance, float d, float scale, float dmin, float min,
                               const weighted_kind *kind, weighted_rest *rest) {
    const float factor = ck_inverse(d * scale), offset = dmin * min;
    ck_f32x16 errors = {0}, pp = {0}, pm = {0}, mm = {0}, xp = {0}, xm = {0};
    for (int i = 0; i < kind->sub; i += 16) {
        const ck_f32x16 weights = load_weights(x + i), w = load_weights(importance + i);
        const ck_f32x16 value = nearest_of((weights + offset) * factor, kind), off = weights + offset - d * scale * value;
        errors += w * off * off;
        if (!rest) continue;
        pp += w * value * value;
        xp += w * value * weights;
        pm += w * value;
        mm += w;
        xm += w * weights;
    }
    const float error = lane_sum(errors);
    if (rest) {
        rest->error += error;
        rest->pp += scale * scale * lane_sum(pp);
        rest->xp += scale * lane_sum(xp);
        rest->pm -= scale * min * lane_sum(pm);
        rest->mm += min * min * lane_sum(mm);
        rest->xm -= min * lane_sum(xm);
    }
    return error;
}

/// Quantises a super-block. Each sub-block is fitted by itself; then integers around the fit, and what they are multiples of,
/// follow each other.
CK_APART void CK_ISA(weighted_fit)(weighted_super *restrict out, const float *restrict x,
                                                           const float *restrict given, const weighted_kind *kind) {
    float importance[CK_SUPER], scales[CK_SUPER / 16], lows[CK_SUPER / 16];
    float largest = 0, deepest = 0;
    const int subs = CK_SUPER / kind->sub;
    relative_importance(importance, given, CK_SUPER);
    for (int s = 0; s < subs; s++) {
        const float *weights = x + s * kind->sub, *w = importance + s * kind->sub;
        lows[s] = 0;
        if (kind->most_min > 0) {
            const small_line line = fit_weighted_line(weights, w, kind, 1);
            scales[s] = line.scale;
            lows[s] = line.low;
        } else {
            scales[s] = fit_weighted_scale(weights, w, kind);
        }
        largest = fabsf(scales[s]) > fabsf(largest) ? scales[s] : largest;
        deepest = lows[s] < deepest ? lows[s] : deepest;
    }
    // Of scales of both signs the largest has the least integer, of which there is one more.
    uint16_t d = ck_finite_half(largest / (kind->least_scale < 0 ? kind->least_scale : kind->most_scale));
    uint16_t dmin = kind->most_min > 0 ? ck_finite_half(-deepest / kind->most_min) : 0;
    double least = INFINITY;
    *out = (weighted_super){.d = d, .dmin = dmin};
    for (int round = 0; round < 4; round++) {
        const float unit = ck_half_value(d), unit_min = ck_half_value(dmin);
        float chosen[CK_SUPER / 16], chosen_min[CK_SUPER / 16];
        weighted_rest rest = {0};
        for (int s = 0; s < subs; s++) {
            const float *weights = x + s * kind->sub, *w = importance + s * kind->sub;
            const float near = ck_code(scales[s] * ck_inverse(unit), kind->least_scale, kind->most_scale);
            const float near_min = ck_code(-lows[s] * ck_inverse(unit_min), 0, kind->most_min);
            float best = INFINITY;
            chosen[s] = near;
            chosen_min[s] = near_min;
            for (int step = 0; step < (kind->most_min > 0 ? 9 : 3); step++) {
                const float scale = near + (float)(step % 3 - 1);
                const float min = kind->most_min > 0 ? near_min + (float)(step / 3 - 1) : 0;
                if (scale < kind->least_scale || scale > kind->most_scale || min < 0 || min > kind->most_min) continue;
                const float error = weighted_error(weights, w, unit, scale, unit_min, min, kind, 0);
                if (!(error < best)) continue;
                best = error;
                chosen[s] = scale;
                chosen_min[s] = min;
            }
            weighted_error(weights, w, unit, chosen[s], unit_min, chosen_min[s], kind, &rest);
        }
        if (!(rest.error < least)) break;
        least = rest.error;
        out->d = d;
        out->dmin = dmin;
        memcpy(out->scales, chosen, sizeof chosen);
        memcpy(out->mins, chosen_min, sizeof chosen_min);
        const double determinant = rest.pp * rest.mm - rest.pm * rest.pm;
        if (kind->most_min > 0 && determinant > 1e-9 * rest.pp * rest.mm) {
            const double scale = (rest.xp * rest.mm - rest.xm * rest.pm) / determinant;
            const double min = (rest.xm * rest.pp - rest.xp * rest.pm) / determinant;
            if (!(scale > 0 && min >= 0)) break;
            d = ck_finite_half((float)scale);
            dmin = ck_finite_half((float)min);
        } else if (rest.pp > 0) {
            d = ck_finite_half((float)((rest.xp - (kind->most_min > 0 ? rest.pm * ck_half_value(dmin) : 0)) / rest.pp));
        }
    }
    const float unit = ck_half_value(out->d), unit_min = ck_half_value(out->dmin);
    for (int i = 0; i < CK_SUPER; i += 16) {
        const float factor = ck_inverse(unit * out->scales[i / kind->sub]), offset = unit_min * out->mins[i / kind->sub];
        if (kind->values) nearest_codes(out->codes + i, x + i, factor, kind->values);
        else store_codes(out->codes + i, lane_codes((load_weights(x + i) + offset) * factor, kind->low, kind->high) - kind->low);
    }
}

static const weighted_kind CK_ISA(weighted_q2_k) = {16, 0, 3, 0, 0, 15, 15};
static const weighted_kind CK_ISA(weighted_q3_k) = {16, -4, 3, 0, -32, 31, 0};
static const weighted_kind CK_ISA(weighted_q4_k) = {32, 0, 15, 0, 0, 63, 63};
static const weighted_kind CK_ISA(weighted_q5_k) = {32, 0, 31, 0, 0, 63, 63};
static const weighted_kind CK_ISA(weighted_q6_k) = {16, -32, 31, 0, -128, 127, 0};
static const weighted_kind CK_ISA(weighted_iq4_xs) = {32, 0, 15, &CK_ISA(dense_order), -32, 31, 0};
static const weighted_kind CK_ISA(weighted_q4_0) = {32, -8, 7, 0, 0, 0, 0};
static const weighted_kind CK_ISA(weighted_q5_0) = {32, -16, 15, 0, 0, 0, 0};
static const weighted_kind CK_ISA(weighted_q4_1) = {32, 0, 15, 0, 0, 0, 0};
static const weighted_kind CK_ISA(weighted_q5_1) = {32, 0, 31, 0, 0, 0, 0};

/// Declares the weighted writer of blocks of SIZE weights, given the one of a block, `weigh_NAME`. `w` is the importance, which
/// is null where all columns matter alike.
#define CK_WEIGHTED(NAME, SIZE)                                                                                        \
    CK_KERNEL void CK_ISA(quantize_weighted_##NAME)(void *restrict out, const float *restrict x,                       \
                                                    const float *restrict w, size_t n) {                               \
        for (ck_##NAME *block = out; n >= SIZE; n -= SIZE, x += SIZE, w = w ? w + SIZE : 0, block++)                   \
            weigh_##NAME(block, x, w);                                                                                 \
    }

CK_INLINE void weigh_q2_k(ck_q2_k *block, const float *x, const float *w) {
    weighted_super fit;
    CK_ISA(weighted_fit)(&fit, x, w, &CK_ISA(weighted_q2_k));
    *block = (ck_q2_k){.d = fit.d, .dmin = fit.dmin};
    for (int s = 0; s < CK_SUPER / 16; s++) block->scales[s] = (uint8_t)((unsigned)fit.scales[s] | (unsigned)fit.mins[s] << 4);
    ck_write_two(block->q, fit.codes);
}
CK_WEIGHTED(q2_k, CK_SUPER)

CK_INLINE void weigh_q3_k(ck_q3_k *block, const float *x, const float *w) {
    weighted_super fit;
    CK_ISA(weighted_fit)(&fit, x, w, &CK_ISA(weighted_q3_k));
    ck_write_q3_k(block, fit.d, fit.scales, fit.codes);
}
CK_WEIGHTED(q3_k, CK_SUPER)

CK_INLINE void weigh_q4_k(ck_q4_k *block, const float *x, const float *w) {
    weighted_super fit;
    CK_ISA(weighted_fit)(&fit, x, w, &CK_ISA(weighted_q4_k));
    *block = (ck_q4_k){.d = fit.d, .dmin = fit.dmin};
    for (int b = 0; b < CK_SUBS; b++) ck_pack_super_scale(block->scales, b, (unsigned)fit.scales[b], (unsigned)fit.mins[b]);
    ck_write_super(block->q, 0, fit.codes);
}
CK_WEIGHTED(q4_k, CK_SUPER)

CK_INLINE void weigh_q5_k(ck_q5_k *block, const float *x, const float *w) {
    weighted_super fit;
    CK_ISA(weighted_fit)(&fit, x, w, &CK_ISA(weighted_q5_k));
    *block = (ck_q5_k){.d = fit.d, .dmin = fit.dmin};
    for (int b = 0; b < CK_SUBS; b++) ck_pack_super_scale(block->scales, b, (unsigned)fit.scales[b], (unsigned)fit.mins[b]);
    ck_write_super(block->q, block->high, fit.codes);
}
CK_WEIGHTED(q5_k, CK_SUPER)

CK_INLINE void weigh_q6_k(ck_q6_k *block, const float *x, const float *w) {
    weighted_super fit;
    CK_ISA(weighted_fit)(&fit, x, w, &CK_ISA(weighted_q6_k));
    *block = (ck_q6_k){.d = fit.d};
    for (int s = 0; s < CK_SUPER / 16; s++) block->scales[s] = (int8_t)fit.scales[s];
    ck_write_six(block, fit.codes);
}
CK_WEIGHTED(q6_k, CK_SUPER)

CK_INLINE void weigh_iq4_xs(ck_iq4_xs *block, const float *x, const float *w) {
    weighted_super fit;
    CK_ISA(weighted_fit)(&fit, x, w, &CK_ISA(weighted_iq4_xs));
    *block = (ck_iq4_xs){.d = fit.d};
    for (int b = 0; b < CK_SUBS; b++) {
        const unsigned scale = (unsigned)((int)fit.scales[b] + 32);
        block->low[b / 2] |= (uint8_t)((scale & 15) << b % 2 * 4);
        block->high = (uint16_t)(block->high | scale >> 4 << 2 * b);
        ck_write_nibbles(block->q + b * CK_BLOCK / 2, fit.codes + b * CK_BLOCK);
    }
}
CK_WEIGHTED(iq4_xs, CK_SUPER)

/// The scale of a block of 32 weights as a half, and the codes that are nearest.
CK_APART uint16_t CK_ISA(weighted_block)(uint8_t *restrict codes, const float *restrict x,
                                                                 const float *restrict given, const weighted_kind *kind) {
    float importance[CK_BLOCK];
    relative_importance(importance, given, CK_BLOCK);
    const uint16_t d = ck_finite_half(fit_weighted_scale(x, importance, kind));
    const float factor = ck_inverse(ck_half_value(d));
    for (int i = 0; i < CK_BLOCK; i += 16)
        if (kind->values) nearest_codes(codes + i, x + i, factor, kind->values);
        else store_codes(codes + i, lane_codes(load_weights(x + i) * factor, kind->low, kind->high) - kind->low);
    return d;
}

/// The same for a line.
CK_APART void CK_ISA(weighted_line)(uint16_t *d, uint16_t *m, uint8_t *restrict codes,
                                                            const float *restrict x, const float *restrict given,
                                                            const weighted_kind *kind) {
    float importance[CK_BLOCK];
    relative_importance(importance, given, CK_BLOCK);
    const small_line line = fit_weighted_line(x, importance, kind, 0);
    *d = ck_finite_half(line.scale);
    *m = ck_finite_half(line.low);
    const float factor = ck_inverse(ck_half_value(*d));
    for (int i = 0; i < CK_BLOCK; i += 16)
        store_codes(codes + i, lane_codes((load_weights(x + i) - ck_half_value(*m)) * factor, 0, kind->high));
}

CK_INLINE void weigh_q4_0(ck_q4_0 *block, const float *x, const float *w) {
    uint8_t codes[CK_BLOCK];
    block->d = CK_ISA(weighted_block)(codes, x, w, &CK_ISA(weighted_q4_0));
    ck_write_nibbles(block->q, codes);
}
CK_WEIGHTED(q4_0, CK_BLOCK)

CK_INLINE void weigh_q5_0(ck_q5_0 *block, const float *x, const float *w) {
    uint8_t codes[CK_BLOCK];
    block->d = CK_ISA(weighted_block)(codes, x, w, &CK_ISA(weighted_q5_0));
    ck_write_five(block->q, block->high, codes);
}
CK_WEIGHTED(q5_0, CK_BLOCK)

CK_INLINE void weigh_iq4_nl(ck_iq4_nl *block, const float *x, const float *w) {
    uint8_t codes[CK_BLOCK];
    block->d = CK_ISA(weighted_block)(codes, x, w, &CK_ISA(weighted_iq4_xs));
    ck_write_nibbles(block->q, codes);
}
CK_WEIGHTED(iq4_nl, CK_BLOCK)

CK_INLINE void weigh_q4_1(ck_q4_1 *block, const float *x, const float *w) {
    uint8_t codes[CK_BLOCK];
    CK_ISA(weighted_line)(&block->d, &block->m, codes, x, w, &CK_ISA(weighted_q4_1));
    ck_write_nibbles(block->q, codes);
}
CK_WEIGHTED(q4_1, CK_BLOCK)

CK_INLINE void weigh_q5_1(ck_q5_1 *block, const float *x, const float *w) {
    uint8_t codes[CK_BLOCK];
    CK_ISA(weighted_line)(&block->d, &block->m, codes, x, w, &CK_ISA(weighted_q5_1));
    ck_write_five(block->q, block->high, codes);
}
CK_WEIGHTED(q5_1, CK_BLOCK)
