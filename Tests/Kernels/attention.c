#include "check.h"

enum type { F32, F16, Q8_0 };

/// Rounds rows of `d` values to a format of the cache and writes both forms.
static void *store(enum type type, float *values, size_t n) {
    if (type == F32) return values;
    // Two or 34 / 32 bytes a value.
    void *stored = random_floats((n + 1) / 2 + 1);
    if (type == F16) {
        ck_pack_f16(stored, values, n);
        ck_unpack_f16(values, stored, n);
    } else {
        ck_quantize_q8_0(stored, values, n);
        ck_unpack_q8_0(values, stored, n);
    }
    return stored;
}

static void attend(enum type type, float *sum, float *state, const float *query, const char *keys, const char *values,
                   const char *next, size_t m, size_t group, ptrdiff_t offset, size_t tokens, size_t d,
                   float cap, const float *bias, size_t bias_stride) {
#define ATTEND(NAME) \
    ck_attend_##NAME(sum, state, query, keys, values, next, m, group, offset, tokens, d, cap, bias, bias_stride)
    switch (type) {
        case F32: ATTEND(f32); break;
        case F16: ATTEND(f16); break;
        case Q8_0: ATTEND(q8_0); break;
    }
#undef ATTEND
}

/// Tokens in two pieces, the second of which not every row sees all of. Where `latent`, keys are the values as well; where
/// there is a `cap`, scores are held within it; where they are `biased`, numbers are added to them first.
static void test_attend(enum type type, int latent, size_t m, size_t group, size_t tokens, size_t d,
                        float cap, int biased) {
    size_t bytes = type == F32 ? 4 * d : type == F16 ? 2 * d : d / 32 * 34, cut = tokens / 3;
    float *query = random_floats(m * d), *keys = random_floats(tokens * d);
    float *values = latent ? keys : random_floats(tokens * d);
    float *sum = canaries(m * d + 4), *state = canaries(2 * m + 4);
    float *bias = biased ? random_floats(m * tokens) : NULL;
    for (size_t i = 0; bias && i < m * tokens; i++) bias[i] *= 2;
    for (size_t i = 0; i < m * d; i++) query[i] *= 3, sum[i] = 0;
    for (size_t j = 0; j < m; j++) state[2 * j] = -INFINITY, state[2 * j + 1] = 0;
    const char *key = store(type, keys, tokens * d), *value = latent ? key : store(type, values, tokens * d);
    ptrdiff_t offset = (ptrdiff_t)tokens - (ptrdiff_t)((m - 1) / group);
    attend(type, sum, state, query, key, value, NULL, m, group, offset, cut, d, cap, bias, tokens);
    attend(type, sum, state, query, key + cut * bytes, value + cut * bytes, key, m, group, offset - (ptrdiff_t)cut,
           tokens - cut, d, cap, bias ? bias + cut : NULL, tokens);
    check_context("ck_attend", m, tokens, d);
    for (size_t j = 0; j < m; j++) {
        ptrdiff_t visible = offset + (ptrdiff_t)(j / group);
        double largest = -INFINITY, total = 0, *weights = calloc(tokens, sizeof *weights);
        for (ptrdiff_t t = 0; t < visible; t++) {
            for (size_t i = 0; i < d; i++) weights[t] += (double)query[j * d + i] * keys[(size_t)t * d + i];
            if (bias) weights[t] += bias[j * tokens + (size_t)t];
            if (cap > 0) weights[t] = cap * tanh(weights[t] / cap);
            largest = fmax(largest, weights[t]);
        }
        for (ptrdiff_t t = 0; t < visible; t++) total += weights[t] = exp(weights[t] - largest);
        if (visible > 0) check_close(state[2 * j], largest, 1e-5 * (1 + fabs(largest)));
        else check_that(state[2 * j + 1] == 0, "a row that sees nothing has no weights");
        for (size_t i = 0; i < d && visible > 0; i++) {
            double want = 0;
            for (ptrdiff_t t = 0; t < visible; t++) want += weights[t] / total * values[(size_t)t * d + i];
            check_close(sum[j * d + i] / state[2 * j + 1], want, 2e-5);
        }
        free(weights);
    }
    for (size_t i = 0; i < 4; i++) check_canary(sum[m * d + i]), check_canary(state[2 * m + i]);
    check_release();
}

void test_attention(void) {
    static const size_t dimensions[] = {1, 5, 15, 16, 17, 32, 40, 64, 96, 128, 160};
    static const size_t tokens[] = {1, 2, 15, 16, 17, 33, 70};
    for (size_t a = 0; a < COUNT(dimensions); a++) {
        for (size_t b = 0; b < COUNT(tokens); b++) {
            for (size_t m = 1; m <= 9; m++) {
                for (enum type type = F32; type <= Q8_0; type++) {
                    if (type == Q8_0 && dimensions[a] % 32) continue;
                    test_attend(type, m == 7, m, 1 + m % 4, tokens[b], dimensions[a], m % 3 == 1 ? 4 : 0, m % 2 == 0);
                }
            }
        }
    }
}
