// Products of panels of weights in E4M3, whose scales are numbers of single precision, with floats.
//
// A panel holds pieces of CK_FP8_COLUMNS columns of its sixteen rows: the scales of the rows, then codes, column after column.
// Products of a piece are added column after column in single precision, multiplied with its scale, and added to the sum of the
// pieces before, whatever the number of rows of activations: a row's result never depends on the others. As in
// float_matmul.h, columns are cut in blocks, with sums kept in `out` between them.

/// Sixteen weights, 2⁻⁸ of what they mean: with the fraction's bits where halves have them, exponents are eight less.
CK_INLINE ck_f32x16 weight_fp8(const uint8_t *p) {
    ck_u16x16 wide = __builtin_convertvector(load_bytes(p), ck_u16x16);
    wide = (wide & 0x80) << 8 | (wide & 0x7f) << 7;
    return __builtin_convertvector((ck_f16x16)wide, ck_f32x16);
}

CK_INLINE void tile_fp8(float *out, size_t out_stride, const float *x, size_t x_stride, const uint8_t *panel,
                        size_t panel_stride, size_t columns, int first, size_t ahead, const int panels,
                        const int tokens) {
    CK_FAST
    const ck_f32x16 zero = {0};
    for (size_t k = 0; k < columns; k += CK_FP8_COLUMNS, panel += CK_FP8_BYTES) {
        ck_f32x16 part[CK_WIDE];
        CK_UNROLL for (int i = 0; i < panels * tokens; i++) part[i] = zero;
        for (size_t i = 0; i < CK_FP8_COLUMNS; i += 4) {
            CK_UNROLL for (int p = 0; p < panels; p++)
                __builtin_prefetch(panel + (size_t)p * panel_stride + 64 + i * CK_PANEL_ROWS + ahead);
            CK_UNROLL for (size_t j = 0; j < 4; j++) {
                ck_f32x16 weight[4];
                CK_UNROLL for (int p = 0; p < panels; p++)
                    weight[p] = weight_fp8(panel + (size_t)p * panel_stride + 64 + (i + j) * CK_PANEL_ROWS);
                CK_UNROLL for (int t = 0; t < tokens; t++) {
                    const float value = x[(size_t)t * x_stride + k + i + j];
                    CK_UNROLL for (int p = 0; p < panels; p++) part[t * panels + p] += weight[p] * value;
                }
            }
        }
        CK_UNROLL for (int i = 0; i < panels * tokens; i++) {
            float *at = out + (size_t)(i / panels) * out_stride + CK_PANEL_ROWS * (i % panels);
            ck_f32x16 sum = zero, scale = weight_f32(panel + (size_t)(i % panels) * panel_stride);
            if (k > 0 || !first) memcpy(&sum, at, sizeof sum);
            sum += scale * (part[i] * 256);
            memcpy(at, &sum, sizeof sum);
        }
    }
}

#define CK_FP8_TILE(TOKENS)                                                                                     \
    case TOKENS:                                                                                                \
        if (TOKENS * panels <= CK_WIDE)                                                                         \
            tile_fp8(out + t * out_stride, out_stride, x + t * x_stride, x_stride, panel, panel_stride, columns, \
                     first, i == 0 ? ahead : 0, panels, TOKENS * panels <= CK_WIDE ? TOKENS : 1);               \
        break;

/// All rows of activations, spread evenly over tiles, against `panels` panels that have all their rows.
CK_INLINE void group_fp8(float *out, size_t out_stride, const float *x, size_t x_stride, const uint8_t *panel,
                         size_t panel_stride, size_t columns, int first, size_t ahead, const int panels, size_t m) {
    const size_t wide = CK_WIDE / panels < 12 ? CK_WIDE / panels : 12, tiles = (m + wide - 1) / wide;
    for (size_t i = 0; i < tiles; i++) {
        size_t t = m * i / tiles;
        switch (m * (i + 1) / tiles - t) {
            CK_FP8_TILE(1) CK_FP8_TILE(2) CK_FP8_TILE(3) CK_FP8_TILE(4) CK_FP8_TILE(5) CK_FP8_TILE(6)
            CK_FP8_TILE(7) CK_FP8_TILE(8) CK_FP8_TILE(9) CK_FP8_TILE(10) CK_FP8_TILE(11) CK_FP8_TILE(12)
        }
    }
}

CK_KERNEL void CK_ISA(matmul_fp8)(float *out, size_t out_stride, const float *x, size_t x_stride, const void *panels,
                                  size_t rows, size_t columns, size_t m) {
    const size_t panel_stride = columns / CK_FP8_COLUMNS * CK_FP8_BYTES, whole = rows / CK_PANEL_ROWS;
    const size_t rest = rows - whole * CK_PANEL_ROWS;
    for (size_t k = 0; k < columns; k += CK_COLUMNS) {
        const uint8_t *base = (const uint8_t *)panels + k / CK_FP8_COLUMNS * CK_FP8_BYTES;
        const size_t some = columns - k < CK_COLUMNS ? columns - k : CK_COLUMNS;
        size_t p = 0;
        if (4 * m <= CK_WIDE)
            for (; p + 4 <= whole; p += 4)
                group_fp8(out + p * CK_PANEL_ROWS, out_stride, x + k, x_stride, base + p * panel_stride, panel_stride, some,
                          k == 0, 4 * panel_stride, 4, m);
        if (2 * m <= CK_WIDE || CK_WIDE >= 24)
            for (; p + 2 <= whole; p += 2)
                group_fp8(out + p * CK_PANEL_ROWS, out_stride, x + k, x_stride, base + p * panel_stride, panel_stride, some,
                          k == 0, 2 * panel_stride, 2, m);
        for (; p < whole; p++)
            group_fp8(out + p * CK_PANEL_ROWS, out_stride, x + k, x_stride, base + p * panel_stride, panel_stride, some,
                      k == 0, panel_stride, 1, m);
    }
    // The rows of an incomplete panel go through a place that has room for all.
    for (size_t t = 0; rest > 0 && t < m; t++) {
        float full[CK_PANEL_ROWS];
        group_fp8(full, 0, x + t * x_stride, x_stride, (const uint8_t *)panels + whole * panel_stride, panel_stride, columns,
                  1, 0, 1, 1);
        memcpy(out + t * out_stride + whole * CK_PANEL_ROWS, full, rest * sizeof *full);
    }
}

CK_KERNEL void CK_ISA(pack_panel_fp8)(void *restrict panel, const void *restrict source, size_t row_bytes, size_t count,
                                      size_t columns) {
    static const ck_fp8 nothing;
    uint8_t *restrict out = panel;
    for (size_t piece = 0; piece < columns / CK_FP8_COLUMNS; piece++, out += CK_FP8_BYTES)
        for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
            const ck_fp8 *block = row < count ? (const ck_fp8 *)((const uint8_t *)source + row * row_bytes) + piece : &nothing;
            memcpy(out + sizeof(float) * row, block, sizeof(float));
            const uint8_t *codes = (const uint8_t *)block + sizeof(float);
            for (size_t k = 0; k < CK_FP8_COLUMNS; k++) out[64 + k * CK_PANEL_ROWS + row] = codes[k];
        }
}

CK_KERNEL void CK_ISA(unpack_fp8)(float *restrict out, const void *restrict in, size_t n) {
    const uint8_t *block = in;
    for (; n >= CK_FP8_COLUMNS; n -= CK_FP8_COLUMNS, out += CK_FP8_COLUMNS, block += sizeof(ck_fp8)) {
        float d;
        memcpy(&d, block, sizeof d);
        for (size_t k = 0; k < CK_FP8_COLUMNS; k++) out[k] = d * ck_fp8_value(block[sizeof d + k]);
    }
}
