// Products of small matrices of floats that are not packed, on tiles: see ck_gemm.
//
// Both are split in three numbers of bfloat16, whose sum they are (tile_float_matmul.h). Six products of parts stand for one:
// what is left out, the third parts with the second and the third, is below 2⁻²² of its size. A step of 32 columns adds the
// six in one order, whatever the number of rows: a row's result depends on neither the others nor on how many there are.

/// Steps of a chunk, and rows of activations that are split at once.
enum { CK_GEMM_STEPS = 2, CK_GEMM_ROWS = 128, CK_GEMM_TILES = CK_GEMM_ROWS / CK_TILE_ROWS };

/// The parts of a tile: of activations [part][row][column], of weights [part][pair][row][column].
typedef struct {
    _Alignas(64) ck_u32x16 part[CK_PARTS][CK_TILE_ROWS];
} gemm_tile;

/// A line of up to sixteen numbers, and zeros behind them.
CK_INLINE ck_u32x16 load_line(const float *at, size_t count) {
    ck_u32x16 line = {0};
    memcpy(&line, at, count * sizeof *at);
    return line;
}

/// A tile of weights from up to 32 lines that hold a column of up to sixteen rows each.
CK_INLINE void split_pairs(gemm_tile *out, const float *lines, size_t stride, size_t rows, size_t columns) {
    const ck_u32x16 none = {0};
    for (size_t i = 0; i < CK_STEP / 2; i++, lines += 2 * stride) {
        ck_u32x16 parts[CK_PARTS][2];
        const ck_u32x16 bits[2] = {2 * i < columns ? load_line(lines, rows) : none,
                                   2 * i + 1 < columns ? load_line(lines + stride, rows) : none};
        split_vectors(parts, bits);
        // What is left of numbers near the least of floats has lower halves too.
        CK_UNROLL for (size_t p = 0; p < CK_PARTS; p++)
            out->part[p][i] = parts[p][0] >> 16 | (parts[p][1] & 0xffff0000);
    }
}

/// The same of any part of a matrix. Most tiles are whole, and numbers that the compiler knows need no look at what there is.
CK_INLINE void split_lines(gemm_tile *out, const float *lines, size_t stride, size_t rows, size_t columns) {
    if (rows >= CK_PANEL_ROWS && columns >= CK_STEP) split_pairs(out, lines, stride, CK_PANEL_ROWS, CK_STEP);
    else split_pairs(out, lines, stride, rows < CK_PANEL_ROWS ? rows : CK_PANEL_ROWS, columns);
}

/// A tile of activations from up to sixteen rows of up to 32 columns.
CK_INLINE void split_tile_rows(gemm_tile *out, const float *x, size_t stride, size_t rows, size_t columns) {
    for (size_t i = 0; i < CK_TILE_ROWS; i++) {
        float padded[CK_STEP] = {0};
        uint16_t parts[CK_PARTS][CK_STEP];
        const float *row = i < rows ? x + i * stride : padded;
        if (i < rows && columns < CK_STEP) row = memcpy(padded, row, columns * sizeof *x);
        split(parts, row);
        CK_UNROLL for (size_t p = 0; p < CK_PARTS; p++) memcpy(&out->part[p][i], parts[p], sizeof parts[p]);
    }
}

/// Exchanges the words of rows and columns, those whose numbers differ by 1 first, then by 2, 4 and 8.
CK_INLINE void transpose_tile(ck_u32x16 row[CK_TILE_ROWS]) {
#define CK_EXCHANGE(D, FIRST, ...)                                                      \
    CK_UNROLL for (int i = 0; i < CK_TILE_ROWS; i++) {                                  \
        if (i & D) continue;                                                            \
        const ck_u32x16 a = row[i], b = row[i + D];                                     \
        row[i] = __builtin_shufflevector(a, b, __VA_ARGS__);                            \
        row[i + D] = __builtin_shufflevector(a, b, FIRST);                              \
    }
#define CK_ODD_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define CK_ODD_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define CK_ODD_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define CK_ODD_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
    CK_EXCHANGE(1, CK_ODD_1, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
    CK_EXCHANGE(2, CK_ODD_2, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
    CK_EXCHANGE(4, CK_ODD_4, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
    CK_EXCHANGE(8, CK_ODD_8, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
}

/// A tile of activations whose columns lie side by side, `stride` apart.
CK_INLINE void split_tile_columns(gemm_tile *out, const float *x, size_t stride, size_t rows, size_t columns) {
    split_lines(out, x, stride, rows, columns);
    for (size_t p = 0; p < CK_PARTS; p++) transpose_tile(out->part[p]);
}

/// Adds the products of a chunk to up to four tiles of `out`, one below another. (Numbers of tiles are parts of instructions.)
CK_INLINE void add_gemm_steps(float *out, size_t out_stride, const gemm_tile (*x)[CK_GEMM_STEPS], const gemm_tile *w,
                              size_t tiles, size_t steps, int is_new) {
    const size_t stride = out_stride * sizeof(float);
#define CK_EACH_TILE(DO) DO(0) if (tiles > 1) { DO(1) } if (tiles > 2) { DO(2) } if (tiles > 3) { DO(3) }
#define CK_BEGIN_TILE(I) _tile_zero(I);
#define CK_LOAD_TILE(I) _tile_loadd(I, out + I * CK_TILE_ROWS * out_stride, stride);
#define CK_STORE_TILE(I) _tile_stored(I, out + I * CK_TILE_ROWS * out_stride, stride);
#define CK_ADD_SIX(I)                    \
    _tile_loadd(4, x[I][i].part[0], 64); \
    _tile_dpbf16ps(I, 4, 5);             \
    _tile_dpbf16ps(I, 4, 6);             \
    _tile_dpbf16ps(I, 4, 7);             \
    _tile_loadd(4, x[I][i].part[1], 64); \
    _tile_dpbf16ps(I, 4, 5);             \
    _tile_dpbf16ps(I, 4, 6);             \
    _tile_loadd(4, x[I][i].part[2], 64); \
    _tile_dpbf16ps(I, 4, 5);
    if (is_new) {
        CK_EACH_TILE(CK_BEGIN_TILE)
    } else {
        CK_EACH_TILE(CK_LOAD_TILE)
    }
    for (size_t i = 0; i < steps; i++) {
        _tile_loadd(5, w[i].part[0], 64);
        _tile_loadd(6, w[i].part[1], 64);
        _tile_loadd(7, w[i].part[2], 64);
        CK_EACH_TILE(CK_ADD_SIX)
    }
    CK_EACH_TILE(CK_STORE_TILE)
}

/// The products of a chunk of `rows` rows of activations with sixteen rows of weights, or fewer.
CK_INLINE void add_gemm_panel(float *out, size_t out_stride, const gemm_tile (*x)[CK_GEMM_STEPS], const gemm_tile *w,
                              size_t rows, size_t width, size_t steps, int is_new) {
    enum { MOST = CK_SUMS * CK_TILE_ROWS };
    for (size_t t = 0; t < rows; t += MOST) {
        const size_t count = rows - t < MOST ? rows - t : MOST, tiles = (count + CK_TILE_ROWS - 1) / CK_TILE_ROWS;
        float *at = out + t * out_stride;
        if (width == CK_PANEL_ROWS && count % CK_TILE_ROWS == 0) {
            add_gemm_steps(at, out_stride, x + t / CK_TILE_ROWS, w, tiles, steps, is_new);
            continue;
        }
        // Tiles that `out` has no room for. Of rows that there are not, any sums will do.
        float place[MOST][CK_PANEL_ROWS];
        if (!is_new) memset(place, 0, tiles * CK_TILE_ROWS * sizeof *place);
        for (size_t i = 0; !is_new && i < count; i++) memcpy(place[i], at + i * out_stride, width * sizeof *out);
        add_gemm_steps(place[0], CK_PANEL_ROWS, x + t / CK_TILE_ROWS, w, tiles, steps, is_new);
        for (size_t i = 0; i < count; i++) memcpy(at + i * out_stride, place[i], width * sizeof *out);
    }
}

CK_KERNEL void CK_ISA(gemm)(float *out, size_t out_stride, const float *a, size_t a_row, size_t a_column, const float *b,
                            size_t b_stride, size_t m, size_t n, size_t k, int adds) {
    const size_t chunk = CK_GEMM_STEPS * CK_STEP;
    if (k == 0 || (a_row != 1 && a_column != 1)) {
        CK_BASE.gemm(out, out_stride, a, a_row, a_column, b, b_stride, m, n, k, adds);
        return;
    }
    gemm_tile x[CK_GEMM_TILES][CK_GEMM_STEPS], w[CK_GEMM_STEPS];
    configure_tiles(CK_STEP / 2, CK_TILE_ROWS);
    for (size_t first = 0; first < m; first += CK_GEMM_ROWS)
        for (size_t at = 0; at < k; at += chunk) {
            const size_t rows = m - first < CK_GEMM_ROWS ? m - first : CK_GEMM_ROWS;
            const size_t columns = k - at < chunk ? k - at : chunk, steps = (columns + CK_STEP - 1) / CK_STEP;
            for (size_t t = 0; t < rows; t += CK_TILE_ROWS)
                for (size_t i = 0; i < steps; i++) {
                    const float *from = a + (first + t) * a_row + (at + i * CK_STEP) * a_column;
                    const size_t left = columns - i * CK_STEP, wide = left < CK_STEP ? left : CK_STEP;
                    gemm_tile *tile = &x[t / CK_TILE_ROWS][i];
                    if (a_column == 1) split_tile_rows(tile, from, a_row, rows - t, wide);
                    else split_tile_columns(tile, from, a_column, rows - t, wide);
                }
            for (size_t j = 0; j < n; j += CK_PANEL_ROWS) {
                const size_t width = n - j < CK_PANEL_ROWS ? n - j : CK_PANEL_ROWS;
                for (size_t i = 0; i < steps; i++)
                    split_lines(&w[i], b + (at + i * CK_STEP) * b_stride + j, b_stride, width, columns - i * CK_STEP);
                add_gemm_panel(out + first * out_stride + j, out_stride, x, w, rows, width, steps, at == 0 && !adds);
            }
        }
    _tile_release();
}
