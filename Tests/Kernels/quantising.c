// Quantised blocks, to the byte: kernels against plain twins, which fit one block after another.
// For everything below, and for what it includes.
#pragma STDC FP_CONTRACT OFF

#include "check.h"
#include "ck_codes.h"
#include "ck_fit.h"
#include "ck_super.h"

/// Whether the instruction set multiplies and adds with one rounding.
static int is_fused;

/// A kernel that multiplies and adds differs from the same expression here, or it does not.
static void find_fused(void) {
    is_fused = 0;
    for (float x = 0.01f; x < 80; x *= 1.013f) {
        float y;
        ck_exp(&y, &x, 1);
        if (y != ck_expf(x)) is_fused = 1;
    }
}

static float multiply_add(float a, float b, float c) {
    float product = a * b;
    return is_fused ? fmaf(a, b, c) : product + c;
}

/// Σ a · b over 32 pairs in the order of CK_SUM_OF_32.
static float sum_of_32(const float *a, const float *b, int second, int third, int fourth) {
    const int order[] = {0, second, third, fourth};
    float part[8];
    for (int i = 0; i < 8; i++) {
        part[i] = 0;
        for (int j = 0; j < 4; j++) part[i] = multiply_add(a[i + order[j]], b[i + order[j]], part[i]);
    }
    for (int width = 4; width > 0; width /= 2)
        for (int i = 0; i < width; i++) part[i] = part[i] + part[i + width];
    return part[0];
}

/// See fit_scales.
static float fit_scale(const float *x, int n, float levels) {
    float least, largest, y[CK_BLOCK], q[CK_BLOCK];
    ck_range(x, n, &least, &largest);
    float peak = -least > largest ? least : largest, inverse = ck_inverse(peak), best = -1.0f / levels, gain = 0;
    for (int i = 0; i < n; i++) y[i] = x[i] * inverse;
    for (int step = -9; step <= 9; step++) {
        float factor = -fmaf(0.1f, (float)step, levels), products = 0, squares = 0;
        for (int i = 0; i < n; i++) {
            q[i] = ck_code(y[i] * factor, -levels, levels - 1);
            squares += q[i] * q[i];
        }
        if (n == CK_BLOCK) products = sum_of_32(y, q, 16, 24, 8);
        for (int i = 0; n < CK_BLOCK && i < n; i++) {
            float product = y[i] * q[i];
            products = i < 4 ? multiply_add(y[i], q[i], products) : products + product;
        }
        if (products * products > gain * squares) {
            gain = products * products / squares;
            best = products / squares;
        }
    }
    return best * peak;
}

typedef struct { float scale, low; } line;

/// See fit_lines.
static line fit_line(const float *x, float levels, int below_zero) {
    float least, largest, y[CK_BLOCK], codes[CK_BLOCK];
    ck_range(x, CK_BLOCK, &least, &largest);
    if (below_zero && least > 0) least = 0;
    float range = largest - least, inverse = ck_inverse(range), sum = 0, squares = 0;
    if (inverse == 0) return (line){0, least};
    for (int i = 0; i < CK_BLOCK; i++) y[i] = (x[i] - least) * inverse;
    for (int i = 0; i < CK_BLOCK; i++) sum += y[i];
    squares = y[8] * y[8];
    for (int i = 0; i < CK_BLOCK; i++) {
        float square = y[i] * y[i];
        if (i == 16 || i == 24) squares += square;
        else if (i != 8) squares = multiply_add(y[i], y[i], squares);
    }
    float roof = -least * inverse, least_error = INFINITY;
    line best = {1.0f / levels, 0};
    for (int step = -10; step <= 10; step++) {
        float factor = fmaf(0.1f, (float)step, levels), q1 = 0, q2 = 0;
        for (int i = 0; i < CK_BLOCK; i++) {
            codes[i] = ck_code(y[i] * factor, 0, levels);
            q1 += codes[i];
            q2 += codes[i] * codes[i];
        }
        float qy = sum_of_32(codes, y, 16, 24, 8), determinant = 32 * q2 - q1 * q1;
        if (!(determinant > 0)) continue;
        float across = q1 * sum, along = q1 * qy;
        line fit = {multiply_add(qy, 32, -across) / determinant, multiply_add(sum, q2, -along) / determinant};
        if (below_zero && fit.low > roof) fit = (line){multiply_add(-roof, q1, qy) / q2, roof};
        float of_scale = multiply_add(q1, fit.low, -qy), of_low = multiply_add(32, fit.low, -2 * sum);
        of_scale = fit.scale * multiply_add(fit.scale, q2, 2 * of_scale);
        float error = of_scale + squares;
        error += fit.low * of_low;
        if (error < least_error && fit.scale > 0) {
            least_error = error;
            best = fit;
        }
    }
    return (line){best.scale * range, multiply_add(best.low, range, least)};
}

/// The codes of a block, from 0 to `levels`, that are nearest to inverse · x + offset.
static void round_codes(uint8_t *codes, const float *x, float inverse, float offset, float levels) {
    for (int i = 0; i < CK_BLOCK; i++) codes[i] = (uint8_t)ck_code(multiply_add(x[i], inverse, offset), 0, levels);
}

static void scaled(uint8_t *codes, uint16_t *d, const float *x, float levels) {
    *d = ck_finite_half(fit_scale(x, CK_BLOCK, levels));
    round_codes(codes, x, ck_inverse(ck_half_value(*d)), levels, 2 * levels - 1);
}

static void lined(uint8_t *codes, uint16_t *d, uint16_t *m, const float *x, float levels) {
    line fit = fit_line(x, levels, 0);
    *d = ck_finite_half(fit.scale);
    *m = ck_finite_half(fit.low);
    float inverse = ck_inverse(ck_half_value(*d));
    round_codes(codes, x, inverse, -ck_half_value(*m) * inverse, levels);
}

static void q8_0(void *out, const float *x) {
    ck_q8_0 *block = out;
    float least, largest;
    ck_range(x, CK_BLOCK, &least, &largest);
    block->d = ck_finite_half((-least > largest ? -least : largest) / 127);
    for (int i = 0; i < CK_BLOCK; i++)
        block->q[i] = (int8_t)ck_code(x[i] * ck_inverse(ck_half_value(block->d)), -127, 127);
}

static void q4_0(void *out, const float *x) {
    ck_q4_0 *block = out;
    uint8_t codes[CK_BLOCK];
    scaled(codes, &block->d, x, 8);
    ck_write_nibbles(block->q, codes);
}

static void q4_1(void *out, const float *x) {
    ck_q4_1 *block = out;
    uint8_t codes[CK_BLOCK];
    lined(codes, &block->d, &block->m, x, 15);
    ck_write_nibbles(block->q, codes);
}

static void q5_0(void *out, const float *x) {
    ck_q5_0 *block = out;
    uint8_t codes[CK_BLOCK];
    scaled(codes, &block->d, x, 16);
    ck_write_five(block->q, block->high, codes);
}

static void q5_1(void *out, const float *x) {
    ck_q5_1 *block = out;
    uint8_t codes[CK_BLOCK];
    lined(codes, &block->d, &block->m, x, 31);
    ck_write_five(block->q, block->high, codes);
}

/// See line_errors.
static float line_error(const float *x, float scale, float offset, float levels) {
    float inverse = ck_inverse(scale), off[CK_BLOCK];
    for (int i = 0; i < CK_BLOCK; i++) {
        float moved = x[i] + offset;
        off[i] = multiply_add(-scale, ck_code(moved * inverse, 0, levels), moved);
    }
    return sum_of_32(off, off, 8, 16, 24);
}

/// See quantize_supers.
static void super_block(uint8_t *codes, uint16_t *d, uint16_t *dmin, uint8_t *packed, const float *x, float levels) {
    line lines[CK_SUBS];
    float scale = 0, min = 0;
    for (int b = 0; b < CK_SUBS; b++) {
        lines[b] = fit_line(x + b * CK_BLOCK, levels, 1);
        scale = lines[b].scale > scale ? lines[b].scale : scale;
        min = -lines[b].low > min ? -lines[b].low : min;
    }
    *d = ck_half_above(scale / 63);
    *dmin = ck_half_above(min / 63);
    scale = ck_half_value(*d);
    min = ck_half_value(*dmin);
    for (int b = 0; b < CK_SUBS; b++, x += CK_BLOCK, codes += CK_BLOCK) {
        float s = ck_code(lines[b].scale * ck_inverse(scale), 0, 63);
        float m = ck_code(-lines[b].low * ck_inverse(min), 0, 63);
        float best_s = s, best_m = m, least = INFINITY;
        for (float near_s = s > 0 ? s - 1 : s; near_s <= s + 1 && near_s <= 63; near_s++) {
            for (float near_m = m > 0 ? m - 1 : m; near_m <= m + 1 && near_m <= 63; near_m++) {
                float error = line_error(x, scale * near_s, min * near_m, levels);
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

static void q4_k(void *out, const float *x) {
    ck_q4_k *block = out;
    uint8_t codes[CK_SUPER];
    super_block(codes, &block->d, &block->dmin, block->scales, x, 15);
    ck_write_super(block->q, NULL, codes);
}

static void q5_k(void *out, const float *x) {
    ck_q5_k *block = out;
    uint8_t codes[CK_SUPER];
    super_block(codes, &block->d, &block->dmin, block->scales, x, 31);
    ck_write_super(block->q, block->high, codes);
}

static void q6_k(void *out, const float *x) {
    ck_q6_k *block = out;
    float scales[16], largest = 0;
    uint8_t codes[CK_SUPER];
    for (int s = 0; s < 16; s++) {
        scales[s] = fit_scale(x + 16 * s, 16, 32);
        largest = fabsf(scales[s]) > largest ? fabsf(scales[s]) : largest;
    }
    block->d = ck_half_above(largest / 127);
    float d = ck_half_value(block->d);
    for (int s = 0; s < 16; s++) {
        float scale = ck_code(scales[s] * ck_inverse(d), -128, 127), inverse = ck_inverse(d * scale);
        block->scales[s] = (int8_t)scale;
        for (int i = 16 * s; i < 16 * s + 16; i++) codes[i] = (uint8_t)(ck_code(x[i] * inverse, -32, 31) + 32);
    }
    ck_write_six(block, codes);
}

static const struct format {
    const char *name;
    size_t weights, bytes;
    void (*quantize)(void *, const float *, size_t);
    void (*twin)(void *, const float *);
} formats[] = {
#define FORMAT(NAME, WEIGHTS) {#NAME, WEIGHTS, sizeof(ck_##NAME), ck_quantize_##NAME, NAME}
    FORMAT(q8_0, 32), FORMAT(q4_0, 32), FORMAT(q4_1, 32), FORMAT(q5_0, 32), FORMAT(q5_1, 32), FORMAT(q4_k, 256),
    FORMAT(q5_k, 256), FORMAT(q6_k, 256)};

static void test_weights(const struct format *f, const float *x, size_t n) {
    size_t blocks = n / f->weights;
    uint8_t *got = malloc(blocks * f->bytes + 1), *want = malloc(blocks * f->bytes + 1);
    if (!got || !want) abort();
    f->quantize(got, x, n);
    for (size_t b = 0; b < blocks; b++) f->twin(want + b * f->bytes, x + b * f->weights);
    for (size_t b = 0; b < blocks; b++) {
        check_context(f->name, n, b, 0);
        check_that(memcmp(got + b * f->bytes, want + b * f->bytes, f->bytes) == 0, "the block that the twin makes");
    }
    free(got);
    free(want);
}

/// Weights around zero or off it, of any size, with runs of zeros, outliers, and values that are no finite numbers.
static float *weights(size_t n, size_t round) {
    static const float odd[] = {0, -0.0f, 1e-40f, 1e-31f, 65504, 3e38f, -3e38f, NAN, INFINITY, -INFINITY};
    float *x = random_floats(n), offset = round % 3 == 1 ? random_float() : 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = ldexpf(x[i] + x[i] * x[i] * x[i] + offset, (int)(round * 7 % 40) - 20);
        if (round % 4 == 3 && i / 32 % 3 == 0) x[i] = fabsf(x[i]);
        if (round % 5 == 4 && i % 37 == round % 37) x[i] = odd[(i + round) % COUNT(odd)];
        if (round % 6 == 5 && i / 16 % 2) x[i] = odd[i / 16 / 2 % 3];
    }
    return x;
}

/// Formats in which columns may matter unlike, which have no twins: what they lose is judged.
static const struct weighted {
    const char *name;
    size_t bytes;
    void (*quantize)(void *, const float *, const float *, size_t);
    void (*unpack)(float *, const void *, size_t);
    /// What may be left of normal weights, as a part of their squares.
    float most;
} weighted[] = {
#define WEIGHTED(NAME, MOST) {#NAME, sizeof(ck_##NAME), ck_quantize_weighted_##NAME, ck_unpack_##NAME, MOST}
    WEIGHTED(q4_0, 0.01f), WEIGHTED(q4_1, 0.01f), WEIGHTED(q5_0, 0.003f), WEIGHTED(q5_1, 0.003f),
    WEIGHTED(q2_k, 0.12f), WEIGHTED(q3_k, 0.04f), WEIGHTED(q4_k, 0.01f), WEIGHTED(q5_k, 0.003f),
    WEIGHTED(q6_k, 0.001f), WEIGHTED(iq4_nl, 0.01f), WEIGHTED(iq4_xs, 0.01f), WEIGHTED(iq3_s, 0.04f),
    WEIGHTED(iq3_xxs, 0.06f), WEIGHTED(iq2_s, 0.12f), WEIGHTED(iq2_xs, 0.15f), WEIGHTED(iq2_xxs, 0.2f),
    WEIGHTED(iq1_m, 0.3f), WEIGHTED(iq1_s, 0.35f)};

/// Σ importance · (a − b)²
static double weighted_loss(const float *a, const float *b, const float *importance, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)(importance ? importance[i] : 1) * (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static void test_weighted(const struct weighted *f) {
    enum { N = 4 * CK_SUPER };
    uint8_t *blocks = malloc(N / 32 * f->bytes);
    if (!blocks) abort();
    float *x = random_floats(N), *importance = random_floats(N), *plain = random_floats(N), *got = random_floats(N);
    for (size_t i = 0; i < N; i++) {
        x[i] += random_float() + random_float();
        importance[i] = expf(3 * importance[i]);
    }
    f->quantize(blocks, x, 0, N);
    f->unpack(plain, blocks, N);
    f->quantize(blocks, x, importance, N);
    f->unpack(got, blocks, N);
    double squares = 0;
    for (size_t i = 0; i < N; i++) squares += (double)x[i] * x[i];
    check_context(f->name, N, 0, 0);
    check_that(weighted_loss(plain, x, 0, N) <= f->most * squares, "a small loss");
    check_that(weighted_loss(got, x, importance, N) < weighted_loss(plain, x, importance, N),
               "less loss of what matters");
    // Whatever weights and importance are, blocks are finite.
    for (size_t round = 0; round < 30; round++) {
        float *odd = weights(CK_SUPER, round), *matter = weights(CK_SUPER, round + 7);
        for (size_t i = 0; i < CK_SUPER; i++) matter[i] = matter[i] == matter[i] ? fabsf(matter[i]) : 0;
        f->quantize(blocks, odd, round % 2 ? matter : 0, CK_SUPER);
        f->unpack(got, blocks, CK_SUPER);
        check_context(f->name, CK_SUPER, round, 0);
        check_that(ck_count_nonfinite(got, CK_SUPER) == 0, "finite weights");
    }
    free(blocks);
    check_release();
}

void test_quantising(void) {
    for (size_t f = 0; f < COUNT(weighted); f++) test_weighted(weighted + f);
    find_fused();
    for (size_t f = 0; f < COUNT(formats); f++)
        // Other numbers of blocks than fit a vector as well.
        for (size_t round = 0; round < 60; round++) {
            size_t n = formats[f].weights * (formats[f].weights == 32 ? 1 + round % 37 : 1 + round % 5);
            test_weights(formats + f, weights(n, round), n);
            check_release();
        }
}
