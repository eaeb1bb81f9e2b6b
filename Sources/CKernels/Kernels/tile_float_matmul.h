// Products of panels of 16-bit numbers with rows of floats, on tiles, for any number of rows.
//
// Activations are split in two numbers of bfloat16, which hold sixteen bits of their significand together; a half is the
// sum of two without an error. Products of bfloat16 are exact, and sums are in single precision. Every step of 32 columns
// adds, in this order, the upper parts' product, that of lower activations, and that of lower weights: a row's result
// depends on neither the others nor on where columns are cut. (The product of both lower parts is at most the last bit that
// an activation keeps.) A product's error is below 2⁻¹⁷ of its size, and below 3 · 2⁻¹⁷ for halves.
//
// Columns are cut in chunks with sums kept in `out` between them. Tiles of a chunk's activations lie one behind another. A
// vector of a panel has two columns of sixteen rows: sixteen of them are a tile of weights.

/// Columns of a step, steps of a chunk, tiles of activations that are split at once, and panels with sums.
enum { CK_STEP = 32, CK_STEPS = 8, CK_SPLIT_TILES = 4, CK_SUMS = 4 };

typedef uint32_t ck_u32x16 __attribute__((vector_size(64)));

/// A step of sixteen rows: the upper and the lower part, [part][row][column].
typedef struct {
    _Alignas(64) uint16_t part[2][CK_TILE_ROWS][CK_STEP];
} split_step;

/// A step of a panel: the upper and the lower part, [part][pair][row][column].
typedef struct {
    _Alignas(64) uint16_t part[2][CK_STEP / 2][CK_PANEL_ROWS][2];
} weight_step;

typedef uint16_t ck_u16x32 __attribute__((vector_size(64)));

/// The upper halves of two vectors' words.
CK_INLINE ck_u16x32 upper_halves(ck_u32x16 a, ck_u32x16 b) {
    return __builtin_shufflevector((ck_u16x32)a, (ck_u16x32)b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                   33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
}

/// The parts of 32 floats: the nearest number of bfloat16 and that of what is left. Numbers that would round to an infinity
/// are cut. Infinities and NaN stay what they are, and nothing is left of them.
CK_INLINE void split(uint16_t upper[CK_STEP], uint16_t lower[CK_STEP], const float x[CK_STEP]) {
    const uint32_t sign = 0x80000000, infinity = 0x7f800000, last = 0x7f7f8000;
    ck_u32x16 bits[2], high[2], rest[2];
    memcpy(bits, x, sizeof bits);
    for (int i = 0; i < 2; i++) high[i] = (bits[i] + 0x8000) & 0xffff0000;
    const int is_large = __builtin_reduce_or(((bits[0] & ~sign) >= last) | ((bits[1] & ~sign) >= last)) != 0;
    for (int i = 0; __builtin_expect(is_large, 0) && i < 2; i++) {
        const ck_u32x16 large = (ck_u32x16)((bits[i] & ~sign) >= last), nan = (ck_u32x16)((bits[i] & ~sign) > infinity);
        high[i] = (high[i] & ~large) | (((bits[i] & large) | (nan & 0x400000)) & 0xffff0000);
    }
    for (int i = 0; i < 2; i++) rest[i] = (ck_u32x16)((ck_f32x16)bits[i] - (ck_f32x16)high[i]) + 0x8000;
    for (int i = 0; __builtin_expect(is_large, 0) && i < 2; i++)
        rest[i] &= (ck_u32x16)((bits[i] & ~sign) < infinity);
    const ck_u16x32 parts[2] = {upper_halves(high[0], high[1]), upper_halves(rest[0], rest[1])};
    memcpy(upper, &parts[0], sizeof *parts);
    memcpy(lower, &parts[1], sizeof *parts);
}

/// The parts of sixteen halves, which hold them whole: no half is near the largest number of bfloat16. What is none has a
/// part that is none.
CK_INLINE void split_halves(ck_u16x16 *upper, ck_u16x16 *lower, ck_f32x16 x) {
    const ck_u32x16 high = ((ck_u32x16)x + 0x8000) & 0xffff0000;
    *upper = __builtin_convertvector(high >> 16, ck_u16x16);
    *lower = __builtin_convertvector((ck_u32x16)(x - (ck_f32x16)high) >> 16, ck_u16x16);
}

/// Splits up to 32 columns of up to `height` rows; the others of these are zero.
CK_INLINE void split_rows(split_step *out, const float *x, size_t x_stride, size_t rows, size_t height, size_t columns) {
    for (size_t t = 0; t < height; t++) {
        float padded[CK_STEP];
        const float *row = x + t * x_stride;
        if (t >= rows || columns < CK_STEP) {
            memset(padded, 0, sizeof padded);
            if (t < rows) memcpy(padded, row, columns * sizeof(float));
            row = padded;
        }
        split(out->part[0][t], out->part[1][t], row);
    }
}

/// The parts of a step of weights that are not bfloat16, or of fewer columns than 32, which zeros follow.
CK_INLINE void split_weights(weight_step *out, const uint16_t *panel, size_t columns, const int is_half) {
    for (size_t i = 0; i < CK_STEP / 2; i++) {
        uint16_t pairs[2 * CK_PANEL_ROWS] = {0};
        if (2 * i < columns) memcpy(pairs, panel + 2 * i * CK_PANEL_ROWS, sizeof pairs);
        if (!is_half) memcpy(out->part[0][i], pairs, sizeof pairs);
        for (size_t j = 0; is_half && j < 2; j++) {
            ck_u16x16 parts[2];
            split_halves(&parts[0], &parts[1], load_f16((const uint8_t *)(pairs + 16 * j)));
            for (int part = 0; part < 2; part++)
                memcpy((uint16_t *)out->part[part][i] + 16 * j, &parts[part], sizeof *parts);
        }
    }
}

/// A chunk of up to CK_SUMS panels.
typedef struct {
    /// Steps that have been split.
    weight_step split[CK_SUMS][CK_STEPS];
    /// The upper part of every step.
    const uint16_t *step[CK_SUMS][CK_STEPS];
} weight_chunk;

CK_INLINE void read_weights(weight_chunk *w, const uint16_t *panels, size_t panel_stride, size_t count, size_t columns,
                            const int is_half) {
    for (size_t p = 0; p < count; p++) {
        const uint16_t *panel = panels + p * panel_stride;
        // The chunk that follows.
        fetch((const uint8_t *)panel, columns * CK_PANEL_ROWS * 2, CK_STEPS * CK_STEP * CK_PANEL_ROWS * 2);
        for (size_t k = 0; k < columns; k += CK_STEP) {
            const uint16_t *at = panel + k * CK_PANEL_ROWS;
            const int is_split = is_half || columns - k < CK_STEP;
            if (is_split) split_weights(&w->split[p][k / CK_STEP], at, columns - k, is_half);
            w->step[p][k / CK_STEP] = is_split ? &w->split[p][k / CK_STEP].part[0][0][0][0] : at;
        }
    }
}

/// Sums of a tile of activations with up to four panels, [panel][row of activations][row of weights].
typedef float tile_sums[CK_SUMS][CK_TILE_ROWS][CK_PANEL_ROWS];

/// Adds the products of a chunk. (Numbers of tiles are parts of instructions.)
CK_INLINE void add_float_steps(tile_sums sums, const split_step *x, const weight_chunk *w, size_t panels, size_t steps,
                               const int is_half) {
#define CK_EACH_PANEL(DO) DO(0, 6) if (panels > 1) { DO(1, 7) } if (panels > 2) { DO(2, 6) } if (panels > 3) { DO(3, 7) }
#define CK_LOAD_SUMS(P, W) _tile_loadd(P, sums[P], 64);
#define CK_STORE_SUMS(P, W) _tile_stored(P, sums[P], 64);
#define CK_ADD_STEP(P, W)                                                            \
    _tile_loadd(W, w->step[P][i], 64);                                               \
    _tile_dpbf16ps(P, 4, W);                                                         \
    _tile_dpbf16ps(P, 5, W);                                                         \
    if (is_half) {                                                                   \
        _tile_loadd(W, w->split[P][i].part[1], 64);                                  \
        _tile_dpbf16ps(P, 4, W);                                                     \
    }
    CK_EACH_PANEL(CK_LOAD_SUMS)
    for (size_t i = 0; i < steps; i++) {
        _tile_loadd(4, x[i].part[0], 64);
        _tile_loadd(5, x[i].part[1], 64);
        CK_EACH_PANEL(CK_ADD_STEP)
    }
    CK_EACH_PANEL(CK_STORE_SUMS)
}

/// Copies sums of `tokens` rows of activations and `rows` rows of weights from `out`, or to it.
CK_INLINE void move_sums(tile_sums sums, float *out, size_t out_stride, size_t tokens, size_t rows, const int to_out) {
    for (size_t t = 0; t < tokens; t++)
        for (size_t row = 0; row < rows; row += CK_PANEL_ROWS) {
            float *sum = sums[row / CK_PANEL_ROWS][t], *place = out + t * out_stride + row;
            const float *from = to_out ? sum : place;
            float *to = to_out ? place : sum;
            if (rows - row >= CK_PANEL_ROWS) memcpy(to, from, CK_PANEL_ROWS * sizeof(float));
            else memcpy(to, from, (rows - row) * sizeof(float));
        }
}

/// A chunk of up to CK_SPLIT_TILES tiles of activations with all panels.
CK_INLINE void multiply_float_chunk(float *out, size_t out_stride, const float *x, size_t x_stride,
                                    const uint16_t *panels, size_t panel_stride, size_t rows, size_t columns,
                                    size_t m, size_t height, int is_new, const int is_half) {
    const size_t steps = (columns + CK_STEP - 1) / CK_STEP, most = CK_SUMS * CK_PANEL_ROWS;
    split_step tiles[CK_SPLIT_TILES][CK_STEPS];
    weight_chunk w;
    for (size_t t = 0; t < m; t += CK_TILE_ROWS)
        for (size_t k = 0; k < columns; k += CK_STEP)
            split_rows(&tiles[t / CK_TILE_ROWS][k / CK_STEP], x + t * x_stride + k, x_stride, m - t, height,
                       columns - k);
    for (size_t row = 0; row < rows; row += most) {
        const size_t wide = rows - row < most ? rows - row : most, count = (wide + CK_PANEL_ROWS - 1) / CK_PANEL_ROWS;
        read_weights(&w, panels + row / CK_PANEL_ROWS * panel_stride, panel_stride, count, columns, is_half);
        for (size_t t = 0; t < m; t += CK_TILE_ROWS) {
            const size_t tokens = m - t < CK_TILE_ROWS ? m - t : CK_TILE_ROWS;
            float *at = out + t * out_stride + row;
            _Alignas(64) tile_sums sums = {0};
            if (!is_new) move_sums(sums, at, out_stride, tokens, wide, 0);
            add_float_steps(sums, tiles[t / CK_TILE_ROWS], &w, count, steps, is_half);
            move_sums(sums, at, out_stride, tokens, wide, 1);
        }
    }
}

#define CK_DEFINE_TILE_FLOATS(NAME, IS_HALF)                                                                       \
    CK_KERNEL void CK_ISA(matmul_##NAME)(float *out, size_t out_stride, const float *x, size_t x_stride,           \
                                         const void *panels, size_t rows, size_t columns, size_t m) {              \
        const size_t most = CK_SPLIT_TILES * CK_TILE_ROWS, chunk = CK_STEPS * CK_STEP;                             \
        const size_t panel_stride = ck_float_panel_bytes(columns, 2) / 2;                                          \
        /* Few rows make low tiles, which take less time. */                                                       \
        const size_t height = m < CK_TILE_ROWS ? m : CK_TILE_ROWS;                                                 \
        if (m == 0) return;                                                                                        \
        configure_tiles(CK_STEP / 2, (int)height);                                                                 \
        for (size_t k = 0; k < columns; k += chunk)                                                                \
            for (size_t t = 0; t < m; t += most)                                                                   \
                multiply_float_chunk(out + t * out_stride, out_stride, x + t * x_stride + k, x_stride,             \
                                     (const uint16_t *)panels + k * CK_PANEL_ROWS, panel_stride, rows,             \
                                     columns - k < chunk ? columns - k : chunk, m - t < most ? m - t : most,       \
                                     height, k == 0, IS_HALF);                                                     \
        _tile_release();                                                                                           \
    }                                                                                                              \
    /* Packs two columns of a row as a word. */                                                                    \
    CK_KERNEL void CK_ISA(pack_panel_##NAME)(void *restrict panel, const void *restrict source, size_t row_bytes,  \
                                             size_t count, size_t columns) {                                       \
        memset(panel, 0, ck_float_panel_bytes(columns, 2));                                                        \
        for (size_t row = 0; row < count; row++)                                                                   \
            for (size_t k = 0; k < columns; k += 2)                                                                \
                memcpy((uint16_t *)panel + k * CK_PANEL_ROWS + 2 * row,                                            \
                       (const char *)source + row * row_bytes + 2 * k, k + 1 < columns ? 4 : 2);                   \
    }
CK_DEFINE_TILE_FLOATS(bf16, 0)
CK_DEFINE_TILE_FLOATS(f16, 1)
