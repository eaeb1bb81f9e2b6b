// Products of panels of 16-bit numbers with rows of floats, on tiles, for any number of rows.
//
// Activations are split in three numbers of bfloat16, whose sum they are; the first two hold sixteen bits of the significand.
// A half is the sum of two. Products of bfloat16 are exact, and sums are in single precision. Every step of 32 columns adds,
// in this order, the products of the first two parts of activations, for halves those of lower weights with them, and that
// of the third part where it is wanted: a row's result depends on neither the others nor on where columns are cut. With two
// parts a product's error is below 2⁻¹⁷ of its size, and with three below 2⁻²⁴, which the product of lower weights with the
// third part would be at most.
//
// Activations are split once for all panels. Rows of a step lie one behind another: sixteen are a tile as they lie. A vector
// of a panel has two columns of sixteen rows: sixteen of them are a tile of weights. Columns are cut in chunks with sums kept
// in `out` between them.

/// Columns of a step, steps of a chunk, and panels with sums.
enum { CK_STEP = 32, CK_STEPS = 8, CK_SUMS = 4 };
/// The parts of an activation.
enum { CK_PARTS = 3 };
_Static_assert(sizeof(ck_split_activations) == CK_PARTS * CK_STEP * sizeof(uint16_t), "no more than the parts");

typedef uint32_t ck_u32x16 __attribute__((vector_size(64)));

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

/// The parts of 32 floats, in the upper halves of words: the nearest number of bfloat16, that of what is left, and the rest,
/// which is one itself. Numbers that would round to an infinity are cut. Infinities and NaN stay what they are, and nothing is
/// left of them.
CK_INLINE void split_vectors(ck_u32x16 parts[CK_PARTS][2], const ck_u32x16 bits[2]) {
    const uint32_t sign = 0x80000000, infinity = 0x7f800000, last = 0x7f7f8000, upper = 0xffff0000;
    ck_u32x16 *high = parts[0], *middle = parts[1], *rest = parts[2];
    CK_UNROLL for (int i = 0; i < 2; i++) high[i] = (bits[i] + 0x8000) & upper;
    const int is_large = __builtin_reduce_or(((bits[0] & ~sign) >= last) | ((bits[1] & ~sign) >= last)) != 0;
    for (int i = 0; __builtin_expect(is_large, 0) && i < 2; i++) {
        const ck_u32x16 large = (ck_u32x16)((bits[i] & ~sign) >= last), nan = (ck_u32x16)((bits[i] & ~sign) > infinity);
        high[i] = (high[i] & ~large) | (((bits[i] & large) | (nan & 0x400000)) & upper);
    }
    CK_UNROLL for (int i = 0; i < 2; i++) rest[i] = (ck_u32x16)((ck_f32x16)bits[i] - (ck_f32x16)high[i]);
    for (int i = 0; __builtin_expect(is_large, 0) && i < 2; i++)
        rest[i] &= (ck_u32x16)((bits[i] & ~sign) < infinity);
    CK_UNROLL for (int i = 0; i < 2; i++) {
        middle[i] = (rest[i] + 0x8000) & upper;
        rest[i] = (ck_u32x16)((ck_f32x16)rest[i] - (ck_f32x16)middle[i]);
    }
}

/// The same as numbers of 16 bits, those of a part side by side.
CK_INLINE void split(uint16_t parts[CK_PARTS][CK_STEP], const float x[CK_STEP]) {
    ck_u32x16 bits[2], words[CK_PARTS][2];
    memcpy(bits, x, sizeof bits);
    split_vectors(words, bits);
    CK_UNROLL for (int p = 0; p < CK_PARTS; p++) {
        const ck_u16x32 part = upper_halves(words[p][0], words[p][1]);
        memcpy(parts[p], &part, sizeof part);
    }
}

/// The parts of 32 halves, which hold them whole: no half is near the largest number of bfloat16. What is none has a
/// part that is none.
CK_INLINE void split_halves(uint16_t *upper, uint16_t *lower, ck_f32x16 a, ck_f32x16 b) {
    const ck_u32x16 high[2] = {((ck_u32x16)a + 0x8000) & 0xffff0000, ((ck_u32x16)b + 0x8000) & 0xffff0000};
    const ck_u16x32 parts[2] = {upper_halves(high[0], high[1]),
                                upper_halves((ck_u32x16)(a - (ck_f32x16)high[0]), (ck_u32x16)(b - (ck_f32x16)high[1]))};
    memcpy(upper, &parts[0], sizeof parts[0]);
    memcpy(lower, &parts[1], sizeof parts[1]);
}

CK_KERNEL void CK_ISA(split_activation_row)(ck_split_activations *out, size_t out_step, const float *x, size_t n) {
    for (; n >= CK_STEP; n -= CK_STEP, x += CK_STEP, out += out_step) split(out->part, x);
    if (n == 0) return;
    float last[CK_STEP] = {0};
    memcpy(last, x, n * sizeof(float));
    split(out->part, last);
}

/// The parts of a pair of columns of weights; of those that are not halves, there is one.
CK_INLINE void split_pair(weight_step *out, size_t i, const uint16_t *pair, const int is_half) {
    if (!is_half) memcpy(out->part[0][i], pair, sizeof out->part[0][i]);
    else split_halves(out->part[0][i][0], out->part[1][i][0], load_f16((const uint8_t *)pair),
                      load_f16((const uint8_t *)(pair + CK_PANEL_ROWS)));
}

/// The parts of a step of weights that are not bfloat16, or of fewer columns than 32, which zeros follow.
CK_INLINE void split_weights(weight_step *out, const uint16_t *panel, size_t columns, const int is_half) {
    enum { PAIR = 2 * CK_PANEL_ROWS };
    if (columns >= CK_STEP) {
        for (size_t i = 0; i < CK_STEP / 2; i++) split_pair(out, i, panel + i * PAIR, is_half);
        return;
    }
    for (size_t i = 0; i < CK_STEP / 2; i++) {
        uint16_t pair[PAIR] = {0};
        if (2 * i < columns) memcpy(pair, panel + i * PAIR, sizeof pair);
        split_pair(out, i, pair, is_half);
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

/// A tile of sums for each of up to four panels: those of a row lie side by side, as in `out`.
typedef struct {
    float *at;
    size_t stride;
    /// 1 as long as nothing was added.
    int is_new;
} tile_sums;

/// Adds the products of a chunk. (Numbers of tiles are parts of instructions.)
CK_INLINE void add_float_steps(tile_sums sums, const ck_split_activations *x, size_t x_step, const weight_chunk *w,
                               size_t panels, size_t steps, int parts, const int is_half) {
    const size_t stride = sums.stride * sizeof(float);
#define CK_EACH_PANEL(DO) DO(0, 6) if (panels > 1) { DO(1, 7) } if (panels > 2) { DO(2, 6) } if (panels > 3) { DO(3, 7) }
#define CK_BEGIN_SUMS(P, W) _tile_zero(P);
#define CK_LOAD_SUMS(P, W) _tile_loadd(P, sums.at + P * CK_PANEL_ROWS, stride);
#define CK_STORE_SUMS(P, W) _tile_stored(P, sums.at + P * CK_PANEL_ROWS, stride);
#define CK_ADD_STEP(P, W)                           \
    _tile_loadd(W, w->step[P][i], 64);              \
    _tile_dpbf16ps(P, 4, W);                        \
    _tile_dpbf16ps(P, 5, W);                        \
    if (is_half) {                                  \
        _tile_loadd(W, w->split[P][i].part[1], 64); \
        _tile_dpbf16ps(P, 4, W);                    \
        _tile_dpbf16ps(P, 5, W);                    \
    }
    // Weights once more: loads take less time than products, and there are no more tiles.
#define CK_ADD_LAST_PART(P, W)         \
    _tile_loadd(W, w->step[P][i], 64); \
    _tile_dpbf16ps(P, 4, W);
    if (sums.is_new) {
        CK_EACH_PANEL(CK_BEGIN_SUMS)
    } else {
        CK_EACH_PANEL(CK_LOAD_SUMS)
    }
    for (size_t i = 0; i < steps; i++) {
        _tile_loadd(4, x[i * x_step].part[0], sizeof *x);
        _tile_loadd(5, x[i * x_step].part[1], sizeof *x);
        CK_EACH_PANEL(CK_ADD_STEP)
        if (parts < CK_PARTS) continue;
        _tile_loadd(4, x[i * x_step].part[2], sizeof *x);
        CK_EACH_PANEL(CK_ADD_LAST_PART)
    }
    CK_EACH_PANEL(CK_STORE_SUMS)
}

/// Sums of a tile that `out` has no room for: of too few rows of activations, or of weights.
typedef struct {
    float sum[CK_TILE_ROWS][CK_SUMS * CK_PANEL_ROWS];
} incomplete_sums;

/// A chunk of all rows of activations with all panels, in tiles of `height` rows of activations.
CK_INLINE void multiply_float_chunk(float *out, size_t out_stride, const ck_split_activations *x, size_t x_step,
                                    const uint16_t *panels, size_t panel_stride, size_t rows, size_t columns,
                                    size_t m, size_t height, int is_new, int parts, const int is_half) {
    const size_t steps = (columns + CK_STEP - 1) / CK_STEP, most = CK_SUMS * CK_PANEL_ROWS, rest = m % height;
    // A last tile with fewer rows goes through a place that has all.
    ck_split_activations last[CK_STEPS][CK_TILE_ROWS];
    if (rest > 0) memset(last, 0, sizeof last);
    for (size_t i = 0; rest > 0 && i < steps; i++) memcpy(last[i], x + i * x_step + m - rest, rest * sizeof *x);
    incomplete_sums place = {0};
    weight_chunk w;
    for (size_t row = 0; row < rows; row += most) {
        const size_t wide = rows - row < most ? rows - row : most, count = (wide + CK_PANEL_ROWS - 1) / CK_PANEL_ROWS;
        read_weights(&w, panels + row / CK_PANEL_ROWS * panel_stride, panel_stride, count, columns, is_half);
        for (size_t t = 0; t < m; t += height) {
            const size_t tokens = m - t < height ? m - t : height;
            const int is_whole = tokens == height && wide % CK_PANEL_ROWS == 0;
            float *at = out + t * out_stride + row;
            tile_sums sums = {at, out_stride, is_new};
            if (!is_whole) {
                sums = (tile_sums){place.sum[0], most, is_new};
                for (size_t i = 0; !is_new && i < tokens; i++)
                    memcpy(place.sum[i], at + i * out_stride, wide * sizeof(float));
            }
            add_float_steps(sums, tokens == height ? x + t : last[0], tokens == height ? x_step : CK_TILE_ROWS, &w, count,
                            steps, parts, is_half);
            for (size_t i = 0; !is_whole && i < tokens; i++)
                memcpy(at + i * out_stride, place.sum[i], wide * sizeof(float));
        }
    }
}

#define CK_DEFINE_TILE_FLOATS(NAME, IS_HALF)                                                                    \
    CK_KERNEL void CK_ISA(matmul_split_##NAME)(float *out, size_t out_stride, const ck_split_activations *x,    \
                                               size_t x_step, const void *panels, size_t rows, size_t columns,  \
                                               size_t m, int parts) {                                           \
        const size_t chunk = CK_STEPS * CK_STEP, panel_stride = ck_float_panel_bytes(columns, 2) / 2;           \
        /* Few rows make low tiles, which take less time. */                                                    \
        const size_t height = m < CK_TILE_ROWS ? m : CK_TILE_ROWS;                                              \
        if (m == 0) return;                                                                                     \
        configure_tiles(CK_STEP / 2, (int)height);                                                              \
        for (size_t k = 0; k < columns; k += chunk)                                                             \
            multiply_float_chunk(out, out_stride, x + k / CK_STEP * x_step, x_step,                             \
                                 (const uint16_t *)panels + k * CK_PANEL_ROWS, panel_stride, rows,              \
                                 columns - k < chunk ? columns - k : chunk, m, height, k == 0, parts, IS_HALF); \
        _tile_release();                                                                                        \
    }
CK_DEFINE_TILE_FLOATS(bf16, 0)
CK_DEFINE_TILE_FLOATS(f16, 1)

/// Packs numbers of 16 bits. Two columns of a row are a word, and words are packed as floats are.
CK_KERNEL void CK_ISA(pack_pairs)(void *restrict panel, const void *restrict source, size_t row_bytes, size_t count,
                                  size_t columns) {
    CK_BASE.pack_panel_f32(panel, source, row_bytes, count, columns / 2);
    if (columns % 2 == 0) return;
    uint16_t last[CK_PANEL_ROWS][2] = {0};
    for (size_t row = 0; row < count; row++)
        memcpy(last[row], (const char *)source + row * row_bytes + 2 * (columns - 1), 2);
    memcpy((uint16_t *)panel + (columns - 1) * CK_PANEL_ROWS, last, sizeof last);
}
