// How scales and codes are found: the codes of several candidate scales are tried, and for each the scale that suits
// these codes best follows by least squares. Errors are plain squares: every weight counts alike.
//
// Eight or sixteen blocks are fitted at once, a block a lane, in single precision. Products are added in an order that
// is written down (CK_SUM_OF_32), the same for all instruction sets; sums of codes are exact. Nothing is re-associated,
// so that sets differ only where one of them cannot multiply and add with one rounding.

/// As many blocks as leave registers for everything that the loops below keep.
#define CK_FIT_LANES (sizeof(CK_REGISTER) == 64 ? 16 : 8)
typedef float fit_lanes __attribute__((vector_size(4 * CK_FIT_LANES)));
typedef int32_t fit_masks __attribute__((vector_size(4 * CK_FIT_LANES)));
typedef uint32_t fit_bits __attribute__((vector_size(4 * CK_FIT_LANES)));

/// Vector i holds weight i of all blocks.
typedef struct {
    fit_lanes x[CK_BLOCK];
} block_lanes;

CK_INLINE fit_lanes splat(float x) { return (fit_lanes){0} + x; }

/// `a` where a lane of `condition` is −1, and `b` where it is 0.
CK_INLINE fit_lanes choose(fit_masks condition, fit_lanes a, fit_lanes b) {
    return (fit_lanes)((condition & (fit_masks)a) | (~condition & (fit_masks)b));
}

/// a · b + c, rounded once where the instruction set can.
CK_INLINE fit_lanes multiply_add(fit_lanes a, fit_lanes b, fit_lanes c) { return a * b + c; }

/// See ck_inverse.
CK_INLINE fit_lanes inverse_of(fit_lanes x) {
    fit_lanes size = (fit_lanes)((fit_masks)x & 0x7fffffff);
    return choose(size > 1e-30f, 1.0f / x, splat(0));
}

/// What rounds a number to an integer when it is added and taken away again: 1.5 · 2^23.
#define CK_ROUNDER 12582912.0f

/// See ck_code.
CK_INLINE fit_lanes code_of(fit_lanes x, float low, float high) {
    // The number where one of the two is NaN.
    x = __builtin_elementwise_max(x, splat(low));
    x = __builtin_elementwise_min(x, splat(high));
    fit_lanes shifted = x + CK_ROUNDER;
    return shifted - CK_ROUNDER;
}

/// Blocks of `n` weights, 16 or 32, that lie one behind another; lanes from `count` on are zero.
CK_INLINE void load_blocks(block_lanes *blocks, const float *x, const int n, size_t count) {
    static const float nothing[CK_BLOCK];
    for (size_t b = 0; b < CK_FIT_LANES; b += 4)
        for (int i = 0; i < n; i += 4) {
            words_of_row v[4];
            CK_UNROLL for (size_t j = 0; j < 4; j++)
                memcpy(&v[j], (b + j < count ? x + (b + j) * (size_t)n : nothing) + i, sizeof v[j]);
            transpose_words(v);
            CK_UNROLL for (int j = 0; j < 4; j++) memcpy((float *)&blocks->x[i + j] + b, &v[j], sizeof v[j]);
        }
}

/// Takes the blocks that n weights consist of, as many at a time as there are lanes.
#define CK_FOR_LANES(n, count)                                                                                  \
    for (size_t count; n >= CK_BLOCK && (count = n / CK_BLOCK < CK_FIT_LANES ? n / CK_BLOCK : CK_FIT_LANES, 1); \
         n -= count * CK_BLOCK)

/// Least and largest of n weights, 16 or 32; NaN is neither.
CK_INLINE void range_of(const block_lanes *blocks, const int n, fit_lanes *least, fit_lanes *largest) {
    fit_lanes low[16], high[16];
    for (int i = 0; i < 16; i++) {
        fit_masks is_number = blocks->x[i] == blocks->x[i];
        low[i] = choose(is_number, blocks->x[i], splat(INFINITY));
        high[i] = choose(is_number, blocks->x[i], splat(-INFINITY));
    }
    for (int i = 16; i < n; i++) {
        low[i - 16] = choose(blocks->x[i] < low[i - 16], blocks->x[i], low[i - 16]);
        high[i - 16] = choose(blocks->x[i] > high[i - 16], blocks->x[i], high[i - 16]);
    }
    CK_UNROLL for (int width = 8; width > 0; width /= 2) {
        CK_UNROLL for (int i = 0; i < width; i++) {
            low[i] = choose(low[i] < low[i + width], low[i], low[i + width]);
            high[i] = choose(high[i] > high[i + width], high[i], high[i + width]);
        }
    }
    *least = low[0];
    *largest = high[0];
}

// The order in which products of 32 weights are added: i, i + SECOND, i + THIRD and i + FOURTH for each i below 8, then
// these eight sums in pairs that are four, two and one apart. BODY(i, half, sum) adds the product of weight i to `sum`, and
// whatever else it adds up to one of two halves.
#define CK_SUM_OF_32(BODY, sum, SECOND, THIRD, FOURTH)   \
    do {                                                 \
        fit_lanes four[4];                               \
        CK_ROLLED for (int i = 0; i < 4; i++) {          \
            fit_lanes low = {0}, up = {0};               \
            BODY(i, 0, low);                             \
            BODY(i + 4, 1, up);                          \
            BODY(i + SECOND, 0, low);                    \
            BODY(i + 4 + SECOND, 1, up);                 \
            BODY(i + THIRD, 0, low);                     \
            BODY(i + 4 + THIRD, 1, up);                  \
            BODY(i + FOURTH, 0, low);                    \
            BODY(i + 4 + FOURTH, 1, up);                 \
            four[i] = low + up;                          \
        }                                                \
        sum = (four[0] + four[2]) + (four[1] + four[3]); \
    } while (0)

/// Σ q y and Σ q² over the integers q nearest to factor · y, which are cut to −levels if `is_cut_below` and to levels − 1
/// if `is_cut_above`.
CK_INLINE void sum_signed_codes(const block_lanes *y, const int n, const float factor, const float levels,
                                const int is_cut_below, const int is_cut_above, fit_lanes *products,
                                fit_lanes *squares) {
    // Sums of codes are exact: halves of them wait for each other less.
    fit_lanes half[2] = {{0}, {0}}, sum = {0};
#define CK_CODE(q, i)                                                      \
    fit_lanes q = y->x[i] * factor;                                        \
    if (is_cut_below) q = __builtin_elementwise_max(q, splat(-levels));    \
    if (is_cut_above) q = __builtin_elementwise_min(q, splat(levels - 1)); \
    q = q + CK_ROUNDER;                                                    \
    q = q - CK_ROUNDER
#define CK_ADD(i, h, sum)                      \
    do {                                       \
        CK_CODE(q, i);                         \
        half[h] = multiply_add(q, q, half[h]); \
        sum = multiply_add(y->x[i], q, sum);   \
    } while (0)
    if (n == CK_BLOCK) {
        CK_SUM_OF_32(CK_ADD, sum, 16, 24, 8);
    } else {
        CK_UNROLL for (int i = 0; i < 4; i++) CK_ADD(i, 0, sum);
        CK_UNROLL for (int i = 4; i < CK_BLOCK / 2; i++) {
            CK_CODE(q, i);
            fit_lanes product = y->x[i] * q;
            half[i / 4 % 2] = multiply_add(q, q, half[i / 4 % 2]);
            sum = sum + product;
        }
    }
#undef CK_ADD
#undef CK_CODE
    *products = sum;
    *squares = half[0] + half[1];
}

/// Scales s for which s · q comes near x, q being integers from −levels to levels − 1. Candidates map the value of
/// largest magnitude to about −levels. Codes q determine s = Σ x q / Σ q², which leaves Σ x² − (Σ x q)² / Σ q².
CK_INLINE fit_lanes fit_scales(const block_lanes *blocks, const int n, const float levels) {
    fit_lanes least, largest;
    block_lanes y;
    range_of(blocks, n, &least, &largest);
    fit_lanes peak = choose(-least > largest, least, largest), inverse = inverse_of(peak);
    fit_lanes best = splat(-1.0f / levels), gain = {0};
    for (int i = 0; i < n; i++) y.x[i] = blocks->x[i] * inverse;
#define CK_TRY(FIRST, LAST, IS_CUT_BELOW, IS_CUT_ABOVE)                                                         \
    for (int step = FIRST; step <= LAST; step++) {                                                              \
        fit_lanes products, squares;                                                                            \
        sum_signed_codes(&y, n, -__builtin_fmaf(0.1f, (float)step, levels), levels, IS_CUT_BELOW, IS_CUT_ABOVE, \
                         &products, &squares);                                                                  \
        fit_lanes square = products * products;                                                                 \
        fit_masks is_better = square > gain * squares;                                                          \
        gain = choose(is_better, square / squares, gain);                                                       \
        best = choose(is_better, products / squares, best);                                                     \
    }
    // No |y| is beyond one, but for rounding, nor any code beyond what half a step more rounds to.
    CK_TRY(-9, -6, 0, 0)
    CK_TRY(-5, 4, 0, 1)
    CK_TRY(5, 9, 1, 1)
#undef CK_TRY
    return best * peak;
}

/// Σ q, Σ q² and Σ q y.
typedef struct {
    fit_lanes q1, q2, qy;
} code_sums;

/// Sums over the integers q nearest to factor · y, y ≥ 0, which are cut to `levels` if `is_cut`.
CK_INLINE code_sums sum_codes(const block_lanes *y, const float factor, const float levels, const int is_cut) {
    // Sums of integers are exact: halves of them wait for each other less. Codes are added up as integers, since a code
    // stands in the lowest bits of the number that rounds it.
    fit_bits half1[2] = {{0}, {0}};
    fit_lanes half2[2] = {{0}, {0}}, qy;
#define CK_ADD(i, h, sum)                                                    \
    do {                                                                     \
        fit_lanes exact = y->x[i] * factor;                                  \
        if (is_cut) exact = __builtin_elementwise_min(exact, splat(levels)); \
        fit_lanes shifted = exact + CK_ROUNDER;                              \
        fit_lanes q = shifted - CK_ROUNDER;                                  \
        half1[h] += (fit_bits)shifted;                                       \
        half2[h] = multiply_add(q, q, half2[h]);                             \
        sum = multiply_add(q, y->x[i], sum);                                 \
    } while (0)
    CK_SUM_OF_32(CK_ADD, qy, 16, 24, 8);
#undef CK_ADD
    const fit_bits q1 = half1[0] + half1[1] - CK_BLOCK * (fit_bits)splat(CK_ROUNDER);
    return (code_sums){__builtin_convertvector((fit_masks)q1, fit_lanes), half2[0] + half2[1], qy};
}

/// w = scale · q + low
typedef struct {
    fit_lanes scale, low;
} line_lanes;

/// Lines on which codes q from 0 to `levels` come near x, by linear regression over the codes of each candidate.
/// With `below_zero`, low ≤ 0.
CK_INLINE line_lanes fit_lines(const block_lanes *blocks, const float levels, const int below_zero) {
    fit_lanes least, largest;
    block_lanes y;
    range_of(blocks, CK_BLOCK, &least, &largest);
    if (below_zero) least = choose(least > 0, splat(0), least);
    fit_lanes range = largest - least, inverse = inverse_of(range), sum = {0};
    // Distances from the least value in units of the range, which keeps the sums below free of cancellation.
    // Of blocks with a NaN, no line is taken.
    fit_masks is_number = range == range;
    for (int i = 0; i < CK_BLOCK; i++) {
        fit_lanes exact = (blocks->x[i] - least) * inverse;
        fit_masks is_sound = exact == exact;
        is_number &= is_sound;
        y.x[i] = choose(is_sound, exact, splat(0));
        sum = sum + y.x[i];
    }
    fit_lanes squares = y.x[8] * y.x[8];
    for (int i = 0; i < 16; i++)
        if (i != 8) squares = multiply_add(y.x[i], y.x[i], squares);
    for (int i = 16; i < CK_BLOCK; i++) {
        fit_lanes square = y.x[i] * y.x[i];
        if (i % 8 == 0) squares = squares + square;
        else squares = multiply_add(y.x[i], y.x[i], squares);
    }
    fit_lanes roof = -least * inverse, twice = sum + sum, least_error = splat(INFINITY);
    line_lanes best = {splat(1.0f / levels), splat(0)};
    const fit_lanes count = splat(CK_BLOCK);
    code_sums candidates[21];
    for (int step = -10; step <= 10; step++) {
        const float factor = __builtin_fmaf(0.1f, (float)step, levels);
        // Below one half more than `levels` no code has to be cut off.
        candidates[step + 10] = step <= 4 ? sum_codes(&y, factor, levels, 0) : sum_codes(&y, factor, levels, 1);
    }
    for (size_t candidate = 0; candidate < 21; candidate++) {
        const fit_lanes q1 = candidates[candidate].q1, q2 = candidates[candidate].q2, qy = candidates[candidate].qy;
        fit_lanes square = q1 * q1, determinant = multiply_add(count, q2, -square);
        fit_lanes across = q1 * sum, along = q1 * qy;
        line_lanes line = {multiply_add(qy, count, -across) / determinant, multiply_add(sum, q2, -along) / determinant};
        fit_masks is_above = line.low > roof;
        // Divisions take long, and no weights on both sides of zero have such a line.
        if (below_zero && __builtin_reduce_or(is_above)) {
            line.scale = choose(is_above, multiply_add(-roof, q1, qy) / q2, line.scale);
            line.low = choose(is_above, roof, line.low);
        }
        // Σ (y − scale q − low)², multiplied out.
        fit_lanes of_scale = multiply_add(q1, line.low, -qy), of_low = multiply_add(count, line.low, -twice);
        of_scale = multiply_add(line.scale, q2, of_scale + of_scale);
        of_scale = line.scale * of_scale;
        of_low = line.low * of_low;
        fit_lanes error = of_scale + squares;
        error = of_low + error;
        fit_masks is_better = is_number & (determinant > 0) & (error < least_error) & (line.scale > 0);
        least_error = choose(is_better, error, least_error);
        best.scale = choose(is_better, line.scale, best.scale);
        best.low = choose(is_better, line.low, best.low);
    }
    fit_masks is_flat = inverse == 0;
    return (line_lanes){
        choose(is_flat, splat(0), best.scale * range),
        choose(is_flat, least, multiply_add(best.low, range, least))};
}
