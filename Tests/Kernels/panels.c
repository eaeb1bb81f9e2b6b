#include "check.h"

/// A packed format with its functions. Quantised formats multiply with rounded activations, the others with floats.
static const struct format {
    const char *name;
    size_t weights, bytes;
    /// Null for formats that are read only.
    void (*quantize)(void *, const float *, size_t);
    void (*unpack)(float *, const void *, size_t);
    size_t (*size)(size_t);
    void (*pack)(void *, const void *, size_t, size_t, size_t);
    void (*unpack_row)(float *, const void *, size_t, size_t);
    void (*multiply)(float *, size_t, const ck_activations *, size_t, const void *, size_t, size_t, size_t);
    void (*multiply_floats)(float *, size_t, const float *, size_t, const void *, size_t, size_t, size_t);
    /// Where the instruction set takes these, in place of those.
    void (*multiply_split)(float *, size_t, const ck_split_activations *, size_t, const void *, size_t, size_t, size_t,
                           int);
} formats[] = {
#define QUANTISED(NAME, WEIGHTS, BYTES)                                                                             \
    {#NAME, WEIGHTS, BYTES, ck_quantize_##NAME, ck_unpack_##NAME, ck_panel_size_##NAME, ck_pack_panel_##NAME,       \
     ck_unpack_panel_row_##NAME, ck_matmul_##NAME, NULL, NULL}
#define READ(NAME, BYTES) READ_BLOCKS(NAME, 256, BYTES)
#define READ_BLOCKS(NAME, WEIGHTS, BYTES)                                                                           \
    {#NAME, WEIGHTS, BYTES, NULL, ck_unpack_##NAME, ck_panel_size_##NAME, ck_pack_panel_##NAME,                         \
     ck_unpack_panel_row_##NAME, ck_matmul_##NAME, NULL, NULL}
#define FLOATS(NAME, BYTES, SPLIT)                                                                                  \
    {#NAME, 1, BYTES, ck_pack_##NAME, ck_unpack_##NAME, ck_panel_size_##NAME, ck_pack_panel_##NAME,                 \
     ck_unpack_panel_row_##NAME, NULL, ck_matmul_##NAME, SPLIT}
    QUANTISED(q8_0, 32, 34), QUANTISED(q4_0, 32, 18), QUANTISED(q4_1, 32, 20), QUANTISED(q5_0, 32, 22),
    QUANTISED(q5_1, 32, 24), QUANTISED(q4_k, 256, 144), QUANTISED(q5_k, 256, 176), QUANTISED(q6_k, 256, 210),
    QUANTISED(q2_k, 256, 84), QUANTISED(q3_k, 256, 110), QUANTISED(iq4_nl, 32, 18), QUANTISED(iq4_xs, 256, 136),
    QUANTISED(mxfp4, 32, 17), QUANTISED(nvfp4, 64, 36), QUANTISED(tq1_0, 256, 54), QUANTISED(tq2_0, 256, 66),
    READ(iq2_xxs, 66), READ(iq2_xs, 74), READ(iq2_s, 82), READ(iq3_xxs, 98), READ(iq3_s, 110), READ(iq1_s, 50),
    READ(iq1_m, 56), READ_BLOCKS(fp4, 32, 20), READ_BLOCKS(i8_1, 32, 36),
    {"fp8", 64, 68, NULL, ck_unpack_fp8, ck_panel_size_fp8, ck_pack_panel_fp8, ck_unpack_panel_row_fp8, NULL, ck_matmul_fp8,
     NULL},
    FLOATS(f32, 4, NULL), FLOATS(f16, 2, ck_matmul_split_f16), FLOATS(bf16, 2, ck_matmul_split_bf16)};

/// Packs `rows` rows of `columns` columns as panels on cache lines; freed by the caller.
static uint8_t *packed(const struct format *f, const uint8_t *bytes, size_t rows, size_t columns) {
    size_t size = f->size(columns), panels = (rows + CK_PANEL_ROWS - 1) / CK_PANEL_ROWS;
    size_t row_bytes = columns / f->weights * f->bytes;
    check_that(size % 64 == 0, "panels lie on cache lines");
    uint8_t *memory = aligned_alloc(64, panels * size + 64);
    for (size_t p = 0; p < panels; p++) {
        size_t count = rows - p * CK_PANEL_ROWS < CK_PANEL_ROWS ? rows - p * CK_PANEL_ROWS : CK_PANEL_ROWS;
        f->pack(memory + p * size, bytes + p * CK_PANEL_ROWS * row_bytes, row_bytes, count, columns);
    }
    return memory;
}

/// Blocks of `m` rows, with those that complete the last chunk.
static size_t rounded_blocks(size_t columns, size_t m) {
    return (columns / 32 + CK_CHUNK - 1) / CK_CHUNK * CK_CHUNK * m;
}

static void round_rows(ck_activations *rounded, const float *x, size_t columns, size_t m) {
    for (size_t t = 0; t < m; t++)
        ck_quantize_activations(rounded + t * CK_CHUNK, m * CK_CHUNK, x + t * columns, columns);
}

/// A row as products see it: rounded to eight bits in blocks of 32, by the definition of ck_activations.
static void check_rounding(const ck_activations *row, size_t chunk, const float *x, float *seen, size_t columns) {
    for (size_t b = 0; b < columns / 32; b++) {
        const ck_activations *rounded = row + b / CK_CHUNK * chunk + b % CK_CHUNK - b;
        float largest = 0;
        for (size_t i = 0; i < 32; i++) largest = fmaxf(largest, fabsf(x[32 * b + i]));
        check_close(rounded[b].d, largest / 127, 1e-9 * largest);
        int sum[2] = {0, 0};
        for (size_t i = 0; i < 32; i++) {
            double want = largest > 0 ? x[32 * b + i] / (double)largest * 127 : 0;
            check_close(rounded[b].q[i], want, 0.5001);
            seen[32 * b + i] = rounded[b].d * (float)rounded[b].q[i];
            sum[i / 16] += rounded[b].q[i];
        }
        check_that(rounded[b].half[0] == sum[0] && rounded[b].half[1] == sum[1], "sums of codes");
        check_close(rounded[b].sum, (double)rounded[b].d * (sum[0] + sum[1]), 1e-6 * largest * 32);
    }
}

/// Whether a format takes split activations.
static int splits(const struct format *f) { return f->multiply_split && ck_splits_activations(); }

/// Products of `m` rows of floats, split where they have to be: into memory of exactly that size, of which so many parts are
/// multiplied.
static void multiply_floats(const struct format *f, float *out, size_t out_stride, const float *x, const uint8_t *panels,
                            size_t rows, size_t columns, size_t m, int parts) {
    if (!splits(f)) {
        f->multiply_floats(out, out_stride, x, columns, panels, rows, columns, m);
        return;
    }
    ck_split_activations *split = malloc((columns + 31) / 32 * m * sizeof *split);
    for (size_t t = 0; t < m; t++) ck_split_activation_row(split + t, m, x + t * columns, columns);
    f->multiply_split(out, out_stride, split, m, panels, rows, columns, m, parts);
    free(split);
}

/// Multiplies `m` of `x_rows` rows of activations.
static void multiply(const struct format *f, float *out, size_t out_stride, const ck_activations *rounded,
                     const float *x, size_t x_rows, size_t first, const uint8_t *panels, size_t rows, size_t columns,
                     size_t m, int parts) {
    if (f->multiply)
        f->multiply(out + first * out_stride, out_stride, rounded + first * CK_CHUNK, x_rows * CK_CHUNK, panels, rows,
                    columns, m);
    else
        multiply_floats(f, out + first * out_stride, out_stride, x + first * columns, panels, rows, columns, m, parts);
}

/// The error of products of 16-bit weights on tiles, relative to their size: two parts keep sixteen bits of activations, and
/// three all of them.
static double cut_of_products(const struct format *f, int parts) { return splits(f) && parts == 2 ? 0x1p-17 : 0; }

/// Arbitrary blocks that stand for finite numbers, which are left in `w`.
static void fill_blocks(const struct format *f, uint8_t *bytes, float *w, size_t columns) {
    for (size_t b = 0; b < columns / f->weights; b++, bytes += f->bytes)
        do {
            for (size_t i = 0; i < f->bytes; i++) bytes[i] = (uint8_t)(255.9f * fabsf(random_float()));
            // Scales in single precision could be beyond what products of them can.
            if (f->weights == 64 && !f->multiply) memcpy(bytes, &(float){0.01f * random_float()}, sizeof(float));
            f->unpack(w, bytes, f->weights);
        } while (ck_count_nonfinite(w, f->weights) > 0);
}

/// Weights of a format, as a file has them, as panels and as floats; freed by check_release() and forget().
typedef struct {
    const struct format *format;
    size_t rows, columns;
    uint8_t *panels;
    float *floats;
} weights;

/// Quantises and packs random weights: panels hold what blocks do.
static weights make_weights(const struct format *f, size_t rows, size_t columns) {
    float *w = random_floats(rows * columns), *row = random_floats(columns);
    size_t row_bytes = columns / f->weights * f->bytes;
    uint8_t *bytes = (uint8_t *)random_floats((rows * row_bytes + 3) / 4);
    for (size_t r = 0; r < rows; r++) {
        if (f->quantize) f->quantize(bytes + r * row_bytes, w + r * columns, columns);
        else fill_blocks(f, bytes + r * row_bytes, w + r * columns, columns);
    }
    uint8_t *panels = packed(f, bytes, rows, columns);
    check_context(f->name, 0, rows, columns);
    for (size_t r = 0; r < rows; r++) {
        f->unpack(w + r * columns, bytes + r * row_bytes, columns);
        f->unpack_row(row, panels + r / CK_PANEL_ROWS * f->size(columns), r % CK_PANEL_ROWS, columns);
        for (size_t k = 0; k < columns; k++) check_close(row[k], w[r * columns + k], 1e-6 * fabsf(w[r * columns + k]));
    }
    return (weights){f, rows, columns, panels, w};
}

static void forget(weights w) {
    free(w.panels);
    check_release();
}

/// Multiplies `m` rows of random activations with weights: within the bounds of a product, and each row as if alone.
static void test_parts(weights w, size_t m, int parts) {
    const struct format *f = w.format;
    const size_t rows = w.rows, columns = w.columns, out_stride = rows + 3;
    float *x = malloc(m * columns * sizeof *x), *seen = malloc(m * columns * sizeof *seen);
    float *out = malloc(m * out_stride * sizeof *out), *alone = malloc(m * out_stride * sizeof *alone);
    ck_activations *rounded = malloc(rounded_blocks(columns, m) * sizeof *rounded + 1);
    if (!x || !seen || !out || !alone || !rounded) abort();
    for (size_t i = 0; i < m * columns; i++) x[i] = seen[i] = random_float();
    for (size_t i = 0; i < m * out_stride; i++) out[i] = alone[i] = check_canary_value;
    check_context(f->name, m, rows, columns);
    if (f->multiply) {
        round_rows(rounded, x, columns, m);
        for (size_t t = 0; t < m; t++)
            check_rounding(rounded + t * CK_CHUNK, m * CK_CHUNK, x + t * columns, seen + t * columns, columns);
    }
    multiply(f, out, out_stride, rounded, x, m, 0, w.panels, rows, columns, m, parts);
    const double cut = cut_of_products(f, parts);
    for (size_t t = 0; t < m; t++) {
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;
            for (size_t k = 0; k < columns; k++) {
                double product = (double)seen[t * columns + k] * w.floats[r * columns + k];
                sum += product;
                size += fabs(product);
            }
            // Terms with a min are larger than their sum: 127 · 31 · scale against the min of as much.
            check_close(out[t * out_stride + r], sum, (2e-6 + cut) * size + 1e-5);
        }
        for (size_t r = rows; r < out_stride; r++) check_canary(out[t * out_stride + r]);
    }
    // A row alone is the same to the bit.
    for (size_t t = 0; t < m; t++) multiply(f, alone, out_stride, rounded, x, m, t, w.panels, rows, columns, 1, parts);
    check_that(memcmp(alone, out, m * out_stride * sizeof *out) == 0, "alone as among others");
    free(x), free(seen), free(out), free(alone), free(rounded);
}

static void test_product(weights w, size_t m) {
    test_parts(w, m, 3);
    if (splits(w.format)) test_parts(w, m, 2);
}

/// One product with weights of their own.
static void test_shape(const struct format *f, size_t m, size_t rows, size_t columns) {
    const weights w = make_weights(f, rows, columns);
    test_product(w, m);
    forget(w);
}

/// Activations without a scale of their own: zero, and too small for a reciprocal.
static void test_small_activations(void) {
    float x[64] = {0};
    ck_activations rounded[2];
    for (int i = 32; i < 64; i++) x[i] = 1e-44f;
    ck_quantize_activations(rounded, 0, x, 64);
    check_context("ck_quantize_activations", 0, 0, 0);
    for (int b = 0; b < 2; b++) {
        check_that(rounded[b].d == 0 && rounded[b].sum == 0 && rounded[b].half[0] == 0, "nothing is zero");
        for (int i = 0; i < 32; i++) check_that(rounded[b].q[i] == 0, "codes of nothing are zero");
    }
}

/// A value that is no finite number is not rounded to one: it reaches every product of its row, and no other row.
static void test_broken_activations(float broken) {
    enum { M = 19, COLUMNS = 64 };
    const struct format *f = &formats[0];
    float x[M * COLUMNS], out[M], w[COLUMNS];
    uint8_t bytes[2 * 34];
    ck_activations rounded[CK_CHUNK * M];
    for (int i = 0; i < M * COLUMNS; i++) x[i] = 1;
    for (int i = 0; i < COLUMNS; i++) w[i] = 1;
    x[COLUMNS + 40] = broken;
    f->quantize(bytes, w, COLUMNS);
    uint8_t *panel = packed(f, bytes, 1, COLUMNS);
    round_rows(rounded, x, COLUMNS, M);
    // Few rows, and many.
    for (size_t m = 3; m <= M; m += M - 3) {
        check_context("ck_quantize_activations", m, 1, COLUMNS);
        f->multiply(out, 1, rounded, CK_CHUNK * M, panel, 1, COLUMNS, m);
        for (size_t t = 0; t < m; t++)
            if (t == 1) check_that(isnan(out[t]), "a broken activation spoils its row");
            else check_close(out[t], 64, 0.1);
    }
    free(panel);
}

/// Every half is a weight: what it is times one, and what is no number is none. Columns of the identity take them one by one.
static void test_every_half(void) {
    enum { COLUMNS = 64, ROWS = 16 };
    const struct format *f = formats;
    while (strcmp(f->name, "f16") != 0) f++;
    float x[COLUMNS * COLUMNS] = {0}, row[COLUMNS], *out = random_floats(COLUMNS * ROWS);
    for (size_t t = 0; t < COLUMNS; t++) x[t * (COLUMNS + 1)] = 1;
    for (size_t first = 0; first < 0x7c00; first += COLUMNS * ROWS) {
        uint16_t w[ROWS][COLUMNS];
        for (size_t i = 0; i < COLUMNS * ROWS; i++) w[i / COLUMNS][i % COLUMNS] = (uint16_t)((first + i) | i % 2 << 15);
        uint8_t *panel = packed(f, (const uint8_t *)w, ROWS, COLUMNS);
        multiply_floats(f, out, ROWS, x, panel, ROWS, COLUMNS, COLUMNS, 2);
        check_context("f16", first, 0, 0);
        for (size_t r = 0; r < ROWS; r++) {
            f->unpack(row, w[r], COLUMNS);
            for (size_t t = 0; t < COLUMNS; t++) check_close(out[t * ROWS + r], row[t], 0);
        }
        free(panel);
    }
    float ones[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) ones[i] = 1;
    for (uint32_t bits = 0x7c00; bits < 0x10000; bits = bits == 0x7fff ? 0xfc00 : bits + 1) {
        uint16_t w[COLUMNS] = {0};
        w[5] = (uint16_t)bits;
        uint8_t *panel = packed(f, (const uint8_t *)w, 1, COLUMNS);
        multiply_floats(f, out, 1, ones, panel, 1, COLUMNS, 1, 3);
        check_context("f16", bits, 0, 0);
        check_that(!isfinite(*out), "a weight that is no number");
        free(panel);
    }
    check_release();
}

/// The largest numbers are numbers to products of floats, and what is none reaches its row, and no other.
static void test_wild_floats(const struct format *f, float wild) {
    enum { M = 19, COLUMNS = 41 };
    float x[M * COLUMNS], out[M], w[COLUMNS];
    uint8_t bytes[4 * COLUMNS];
    for (int i = 0; i < M * COLUMNS; i++) x[i] = 1;
    for (int i = 0; i < COLUMNS; i++) w[i] = 0.5f;
    x[COLUMNS + 40] = wild;
    f->quantize(bytes, w, COLUMNS);
    uint8_t *panel = packed(f, bytes, 1, COLUMNS);
    for (size_t m = 3; m <= M; m += M - 3) {
        check_context(f->name, m, 1, COLUMNS);
        multiply_floats(f, out, 1, x, panel, 1, COLUMNS, m, 3);
        for (size_t t = 0; t < m; t++)
            if (t != 1) check_close(out[t], 0.5 * COLUMNS, 1e-4);
            else if (isfinite(wild)) check_close(out[t], 0.5 * wild, fabs(0x1p-23 * wild));
            else check_that(!isfinite(out[t]), "no number spoils its row");
    }
    free(panel);
}

static void test_gemm(size_t m, size_t n, size_t k, int transposed, int adds) {
    size_t a_row = transposed ? 1 : k + 3, a_column = transposed ? m + 2 : 1, b_stride = n + 5, stride = n + 1;
    float *a = random_floats((m + 3) * (k + 3)), *b = random_floats(k * b_stride), *before = random_floats(m * n);
    // Numbers near the least of floats are as good as zeros.
    for (size_t i = 0; i < (m + 3) * (k + 3); i += 5) a[i] *= 0x1p-140f;
    for (size_t i = 0; i < k * b_stride; i += 7) b[i] *= 0x1p-120f;
    float *out = canaries(m * stride);
    for (size_t i = 0; adds && i < m; i++) memcpy(out + i * stride, before + i * n, n * sizeof *out);
    ck_gemm(out, stride, a, a_row, a_column, b, b_stride, m, n, k, adds);
    check_context("ck_gemm", m, n, k);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = adds ? before[i * n + j] : 0, size = fabs(sum);
            for (size_t l = 0; l < k; l++) {
                double product = (double)a[i * a_row + l * a_column] * b[l * b_stride + j];
                sum += product;
                size += fabs(product);
            }
            check_close(out[i * stride + j], sum, 2e-6 * size + 0x1p-100);
        }
        check_canary(out[i * stride + n]);
    }
    // A row alone is as among others.
    for (size_t i = 0; i < m; i += 7) {
        float alone[256];
        if (adds) memcpy(alone, before + i * n, n * sizeof *alone);
        ck_gemm(alone, n, a + i * a_row, a_row, a_column, b, b_stride, 1, n, k, adds);
        check_that(memcmp(alone, out + i * stride, n * sizeof *alone) == 0, "a row alone");
    }
    check_release();
}

/// What is no number reaches its row and no other, and the largest numbers are numbers.
static void test_wild_gemm(float wild) {
    enum { M = 21, N = 33, K = 41 };
    float a[M * K], b[K * N], out[M * N];
    for (int i = 0; i < M * K; i++) a[i] = 1;
    for (int i = 0; i < K * N; i++) b[i] = 0.5f;
    a[K + 40] = wild;
    ck_gemm(out, N, a, K, 1, b, N, M, N, K, 0);
    check_context("ck_gemm", M, N, K);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++)
            if (i != 1) check_close(out[i * N + j], 0.5 * K, 1e-5);
            else if (isfinite(wild)) check_close(out[i * N + j], 0.5 * wild, fabs(0x1p-21 * wild));
            else check_that(!isfinite(out[i * N + j]), "no number spoils its row");
}

void test_panels(void) {
    test_wild_gemm(INFINITY);
    test_wild_gemm(NAN);
    test_wild_gemm(-3.4e38f);
    static const size_t sizes[] = {1, 5, 12, 13, 16, 33, 64, 130};
    for (size_t m = 0; m < COUNT(sizes); m++)
        for (size_t n = 0; n < COUNT(sizes); n++)
            for (size_t k = 0; k < COUNT(sizes); k++) test_gemm(sizes[m], sizes[n], sizes[k], (m + k) % 2, n % 2);

    const size_t tile = ck_tile_rows();
    const size_t rows[] = {1, 15, 16, 17, 64, 83}, tokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 13, tile + 1, 2 * tile + 3, 24};
    for (size_t f = 0; f < COUNT(formats); f++) {
        // Whole blocks, and of numbers any columns.
        const size_t weights_each = formats[f].weights, block = weights_each > 1 ? weights_each : 7;
        for (size_t r = 0; r < COUNT(rows); r++) {
            const weights w = make_weights(formats + f, rows[r], block);
            for (size_t m = 0; m < COUNT(tokens); m++) test_product(w, tokens[m]);
            for (size_t m = 1; m <= 40 && rows[r] == 17; m++) test_product(w, m);
            forget(w);
        }
        test_shape(formats + f, 9, 33, 3 * block);
        // More columns, and rows of activations, than kernels take at once.
        test_shape(formats + f, 14, 65, formats[f].multiply ? 2 * block : weights_each > 1 ? 18 * block : 1100);
        test_shape(formats + f, 141, 33, weights_each == 32 ? 13 * block : weights_each > 1 ? 3 * block : 77);
    }
    test_every_half();
    test_small_activations();
    test_broken_activations(NAN);
    test_broken_activations(-NAN);
    test_broken_activations(INFINITY);
    test_broken_activations(-INFINITY);
    uint32_t bits[] = {0x7fffffff, 0xffffffff, 0x7f800001, 0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x7f7f7fff};
    for (size_t f = 0; f < COUNT(formats); f++)
        for (size_t i = 0; i < COUNT(bits) && formats[f].multiply_floats && formats[f].quantize; i++) {
            float wild;
            memcpy(&wild, &bits[i], sizeof wild);
            test_wild_floats(&formats[f], wild);
        }
}
