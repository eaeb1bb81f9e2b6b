// Products of panels of floating-point weights, and of small matrices that are not packed.
//
// A panel holds CK_PANEL_ROWS rows, interleaved: column after column, sixteen rows a column. Products are added column
// after column in single precision, whatever the number of rows of activations: a row's result never depends on the
// others. Columns are cut in blocks, with sums kept in `out` between them, which rounds nothing: a block of a few panels
// stays in the first-level cache while all rows of activations pass by. The first of those rows ask for the same columns
// of the panels that follow, as in panel_matmul.h.

#define CK_COLUMNS 512
// The most rows of activations of a tile.
#define CK_FLOAT_TOKENS 12

CK_INLINE ck_f32x16 weight_f32(const void *p) {
    ck_f32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}
CK_INLINE ck_f32x16 weight_f16(const void *p) { return load_f16(p); }
CK_INLINE ck_f32x16 weight_bf16(const void *p) {
    ck_u16x16 v;
    memcpy(&v, p, sizeof v);
    ck_i32x16 wide = __builtin_convertvector(v, ck_i32x16) << 16;
    return (ck_f32x16)wide;
}

#define CK_FLOAT_TILE(NAME, TOKENS)                                                                  \
    case TOKENS:                                                                                     \
        if (TOKENS * panels <= CK_WIDE)                                                              \
            tile_##NAME(out + t * out_stride, out_stride, x + t * x_stride, x_stride, x_step, panel, \
                        panel_stride, step, columns, first, i == 0 ? ahead : 0, panels,              \
                        TOKENS * panels <= CK_WIDE ? TOKENS : 1);                                    \
        break;
#define CK_DEFINE_FLOAT_PRODUCT(NAME, TYPE)                                                                           \
    CK_INLINE void tile_##NAME(float *out, size_t out_stride, const float *x, size_t x_stride,                        \
                               size_t x_step, const TYPE *panel, size_t panel_stride, size_t step,                    \
                               size_t columns, int first, size_t ahead, const int panels,                             \
                               const int tokens) {                                                                    \
        CK_FAST                                                                                                       \
        ck_f32x16 sum[CK_WIDE];                                                                                       \
        CK_UNROLL for (int i = 0; i < panels * tokens; i++) {                                                         \
            ck_f32x16 zero = {0};                                                                                     \
            sum[i] = zero;                                                                                            \
            if (!first)                                                                                               \
                memcpy(&sum[i], out + (size_t)(i / panels) * out_stride + CK_PANEL_ROWS * (i % panels), sizeof zero); \
        }                                                                                                             \
        for (size_t k = 0; k < columns; k++) {                                                                        \
            ck_f32x16 weight[4];                                                                                      \
            CK_UNROLL for (int p = 0; p < panels; p++) {                                                              \
                const TYPE *at = panel + (size_t)p * panel_stride + k * step;                                         \
                __builtin_prefetch(at + ahead);                                                                       \
                weight[p] = weight_##NAME(at);                                                                        \
            }                                                                                                         \
            CK_UNROLL for (int t = 0; t < tokens; t++) {                                                              \
                float value = x[(size_t)t * x_stride + k * x_step];                                                   \
                CK_UNROLL for (int p = 0; p < panels; p++) sum[t * panels + p] += weight[p] * value;                  \
            }                                                                                                         \
        }                                                                                                             \
        CK_UNROLL for (int i = 0; i < panels * tokens; i++)                                                           \
            memcpy(out + (size_t)(i / panels) * out_stride + CK_PANEL_ROWS * (i % panels), &sum[i], sizeof sum[i]);   \
    }                                                                                                                 \
    /* All rows of activations, spread evenly over tiles, against `panels` panels that have all their rows. */        \
    CK_INLINE void group_##NAME(float *out, size_t out_stride, const float *x, size_t x_stride,                       \
                                size_t x_step, const TYPE *panel, size_t panel_stride, size_t step,                   \
                                size_t columns, int first, size_t ahead, const int panels, size_t m) {                \
        const size_t most = CK_WIDE / panels, wide = most < CK_FLOAT_TOKENS ? most : CK_FLOAT_TOKENS;                 \
        const size_t tiles = (m + wide - 1) / wide;                                                                   \
        for (size_t i = 0; i < tiles; i++) {                                                                          \
            size_t t = m * i / tiles;                                                                                 \
            switch (m * (i + 1) / tiles - t) {                                                                        \
                CK_FLOAT_TILE(NAME, 1) CK_FLOAT_TILE(NAME, 2) CK_FLOAT_TILE(NAME, 3) CK_FLOAT_TILE(NAME, 4)           \
                CK_FLOAT_TILE(NAME, 5) CK_FLOAT_TILE(NAME, 6) CK_FLOAT_TILE(NAME, 7) CK_FLOAT_TILE(NAME, 8)           \
                CK_FLOAT_TILE(NAME, 9) CK_FLOAT_TILE(NAME, 10) CK_FLOAT_TILE(NAME, 11) CK_FLOAT_TILE(NAME, 12)        \
            }                                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    /* All rows of activations against `whole` panels that have all their rows. */                                    \
    CK_INLINE void panels_##NAME(float *out, size_t out_stride, const float *x, size_t x_stride,                      \
                                 size_t x_step, const TYPE *base, size_t panel_stride, size_t step,                   \
                                 size_t columns, int first, size_t whole, int fetch, size_t m) {                      \
        size_t p = 0, ahead = fetch ? panel_stride : 0;                                                               \
        /* Few rows of activations leave registers for more panels, whose sums do not wait for each other. */         \
        if (4 * m <= CK_WIDE)                                                                                         \
            for (; p + 4 <= whole; p += 4)                                                                            \
                group_##NAME(out + p * CK_PANEL_ROWS, out_stride, x, x_stride, x_step,                                \
                             base + p * panel_stride, panel_stride, step, columns, first, 4 * ahead, 4, m);           \
        if (2 * m <= CK_WIDE || CK_WIDE >= 24)                                                                        \
            for (; p + 2 <= whole; p += 2)                                                                            \
                group_##NAME(out + p * CK_PANEL_ROWS, out_stride, x, x_stride, x_step,                                \
                             base + p * panel_stride, panel_stride, step, columns, first, 2 * ahead, 2, m);           \
        for (; p < whole; p++)                                                                                        \
            group_##NAME(out + p * CK_PANEL_ROWS, out_stride, x, x_stride, x_step, base + p * panel_stride,           \
                         panel_stride, step, columns, first, ahead, 1, m);                                            \
    }
#define CK_DEFINE_PACKED_PRODUCT(NAME, TYPE)                                                                \
    CK_KERNEL void CK_ISA(matmul_##NAME)(float *out, size_t out_stride, const float *x, size_t x_stride,    \
                                         const void *panels, size_t rows, size_t columns, size_t m) {       \
        size_t panel_stride = ck_float_panel_bytes(columns, sizeof(TYPE)) / sizeof(TYPE);                   \
        size_t whole = rows / CK_PANEL_ROWS, rest = rows - whole * CK_PANEL_ROWS;                           \
        for (size_t k = 0; k < columns; k += CK_COLUMNS)                                                    \
            panels_##NAME(out, out_stride, x + k, x_stride, 1, (const TYPE *)panels + k * CK_PANEL_ROWS,    \
                          panel_stride, CK_PANEL_ROWS, columns - k < CK_COLUMNS ? columns - k : CK_COLUMNS, \
                          k == 0, whole, 1, m);                                                             \
        /* The rows of an incomplete panel go through a place that has room for all, a tile of rows of      \
           activations at a time: sums of one alone would wait for each other. */                           \
        for (size_t t = 0; rest > 0 && t < m; t += CK_FLOAT_TOKENS) {                                       \
            const size_t tokens = m - t < CK_FLOAT_TOKENS ? m - t : CK_FLOAT_TOKENS;                        \
            float full[CK_FLOAT_TOKENS * CK_PANEL_ROWS];                                                    \
            panels_##NAME(full, CK_PANEL_ROWS, x + t * x_stride, x_stride, 1,                               \
                          (const TYPE *)panels + whole * panel_stride, panel_stride, CK_PANEL_ROWS,         \
                          columns, 1, 1, 0, tokens);                                                        \
            for (size_t i = 0; i < tokens; i++)                                                             \
                memcpy(out + (t + i) * out_stride + whole * CK_PANEL_ROWS, full + i * CK_PANEL_ROWS,        \
                       rest * sizeof *full);                                                                \
        }                                                                                                   \
    }
CK_DEFINE_FLOAT_PRODUCT(f32, float)
CK_DEFINE_FLOAT_PRODUCT(f16, _Float16)
CK_DEFINE_FLOAT_PRODUCT(bf16, uint16_t)
CK_DEFINE_PACKED_PRODUCT(f32, float)
CK_DEFINE_PACKED_PRODUCT(f16, _Float16)
CK_DEFINE_PACKED_PRODUCT(bf16, uint16_t)

/// Sixteen columns of a matrix that is not packed are a panel too: one whose columns lie `b_stride` apart.
CK_KERNEL void CK_ISA(gemm)(float *out, size_t out_stride, const float *a, size_t a_row, size_t a_column, const float *b,
                            size_t b_stride, size_t m, size_t n, size_t k, int adds) {
    CK_FAST
    size_t whole = n / CK_PANEL_ROWS;
    panels_f32(out, out_stride, a, a_row, a_column, b, CK_PANEL_ROWS, b_stride, k, !adds, whole, 0, m);
    for (size_t i = 0; i < m; i++)
        for (size_t j = whole * CK_PANEL_ROWS; j < n; j++) {
            float sum = adds ? out[i * out_stride + j] : 0;
            for (size_t l = 0; l < k; l++) sum += a[i * a_row + l * a_column] * b[l * b_stride + j];
            out[i * out_stride + j] = sum;
        }
}
