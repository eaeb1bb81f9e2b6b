// Products of panels of quantised weights with many rows of rounded activations, on tiles.
//
// One product of tiles is that of a block of sixteen rows of activations and sixteen rows of weights, or of the half of
// one that has a scale of its own: exact integers. Scales are applied outside, in the order of panel_matmul.h and rounded
// as there, so that a row's result is the same to the bit. A panel's vectors are the rows of a tile of weights as they lie.
//
// Columns are cut in the chunks that activations lie in, with sums kept in `out` between them, which rounds nothing. Sixteen
// rows of a chunk are a tile of activations as they lie, in many sets of the first-level cache; weights are decoded once for
// all of them.

/// Bytes from one row of activations to the next.
#define CK_TILE_STRIDE (CK_CHUNK * sizeof(ck_activations))

/// A chunk of a panel.
typedef struct {
    /// Codes around their centre, [step][group][row][column], where those of the panel are not signed.
    _Alignas(64) uint8_t decoded[CK_CHUNK * 512];
    /// These, or those of the panel.
    const uint8_t *codes;
    /// By step, by block or step, and of the super-block.
    ck_f32x16 scale[2 * CK_CHUNK], min[2 * CK_CHUNK], d, dmin;
} tile_weights;

/// Columns of a step.
CK_INLINE size_t step_columns(ck_panel_kind kind) { return (size_t)(kind.sub < CK_BLOCK ? kind.sub : CK_BLOCK); }

/// Reads the weights of a chunk from block `b` on, and asks for those of the next.
CK_INLINE void read_chunk(tile_weights *restrict w, const uint8_t *restrict panel, const ck_panel_parts *parts,
                          size_t b, size_t blocks, ck_panel_kind kind, const ck_values *values) {
    const size_t code_bytes = ck_panel_code_bytes(kind), high_bytes = ck_panel_high_bytes(kind);
    const uint8_t *codes = panel + b * code_bytes, *high = panel + parts->high + b * high_bytes;
    const size_t unit = kind.super ? b / CK_CHUNK : b;
    const uint8_t *scales = panel + parts->scales + unit * ck_panel_scale_bytes(kind);
    const uint8_t *mins = panel + parts->mins + unit * ck_panel_min_bytes(kind);
    fetch(codes, CK_CHUNK * code_bytes, CK_CHUNK * code_bytes);
    fetch(high, CK_CHUNK * high_bytes, CK_CHUNK * high_bytes);
    w->codes = kind.bits == 8 ? codes : w->decoded;
    for (size_t i = 0; kind.bits < 8 && i < blocks; i++) {
        block_codes c = decode(kind, codes + i * code_bytes, high + i * high_bytes, values);
        const int is_signed = ck_panel_width(kind) == 8;
        for (size_t j = 0; j < 8; j++) {
            ck_u8x64 centred = is_signed ? c.group[j] : c.group[j] - (uint8_t)ck_panel_centre(kind);
            memcpy(w->decoded + 512 * i + 64 * j, &centred, sizeof centred);
        }
    }
    const size_t halves = CK_BLOCK / step_columns(kind);
    if (!kind.super) {
        const size_t scale_bytes = ck_panel_scale_bytes(kind) / halves;
        for (size_t i = 0; i < blocks * halves; i++) w->scale[i] = load_scales(kind, scales + scale_bytes * i);
        for (size_t i = 0; kind.mins && i < blocks; i++) w->min[i] = load_f16(mins + 32 * i);
        return;
    }
    w->d = load_f16(scales);
    if (kind.values) w->d *= values->factor;
    if (kind.mins && halves > 1) {
        w->dmin = -load_f16(scales + 32);
        for (size_t i = 0; i < 2 * CK_CHUNK; i++) {
            ck_u8x16 small = load_bytes(mins + 16 * i);
            w->scale[i] = __builtin_convertvector(small & 15, ck_f32x16);
            w->min[i] = __builtin_convertvector(small >> 4, ck_f32x16);
        }
    } else if (kind.mins) {
        uint8_t small[256];
        unpack_scales(small, mins);
        w->dmin = -load_f16(scales + 32);
        for (size_t i = 0; i < CK_CHUNK; i++) {
            w->scale[i] = __builtin_convertvector(load_bytes(small + 16 * i), ck_f32x16);
            w->min[i] = __builtin_convertvector(load_bytes(small + 128 + 16 * i), ck_f32x16);
        }
    } else {
        const ck_f32x16 none = {0};
        for (size_t i = 0; i < halves * CK_CHUNK; i++)
            w->scale[i] = kind.sub == CK_SUPER
                              ? none + 1
                              : __builtin_convertvector((ck_i8x16)load_bytes(mins + 16 * i), ck_f32x16);
    }
}

/// The activations of a step: sixteen rows, CK_TILE_STRIDE apart.
CK_INLINE const int8_t *step_activations(const ck_activations *x, size_t step, const size_t width) {
    return x[step * width / CK_BLOCK].q + step * width % CK_BLOCK;
}

/// Dots of up to four steps from one on, [step][row of activations][row of weights]. Four sums do not wait for each other.
/// (Numbers of tiles are parts of instructions.)
CK_INLINE void tile_dots(ck_i32x16 dot[4][CK_TILE_ROWS], const ck_activations *x, const uint8_t *codes, size_t first,
                         size_t steps, const size_t width) {
#define CK_TILE_DOT(I, X, W)                                                       \
    if (I < steps) {                                                               \
        _tile_zero(I);                                                             \
        _tile_loadd(X, step_activations(x, first + I, width), CK_TILE_STRIDE);     \
        _tile_loadd(W, codes + (first + I) * CK_TILE_ROWS * width, 64);            \
        _tile_dpbssd(I, X, W);                                                     \
    }
    CK_TILE_DOT(0, 4, 6) CK_TILE_DOT(1, 5, 7) CK_TILE_DOT(2, 4, 6) CK_TILE_DOT(3, 5, 7)
    _tile_stored(0, dot[0], 64);
    if (steps > 1) _tile_stored(1, dot[1], 64);
    if (steps > 2) _tile_stored(2, dot[2], 64);
    if (steps > 3) _tile_stored(3, dot[3], 64);
}

/// All dots of a chunk.
typedef struct {
    ck_i32x16 dot[2 * CK_CHUNK][CK_TILE_ROWS];
} chunk_dots;

CK_INLINE void read_dots(chunk_dots *dots, const ck_activations *x, const tile_weights *w, size_t blocks,
                         ck_panel_kind kind) {
    const size_t width = step_columns(kind), steps = blocks * (CK_BLOCK / width);
    for (size_t first = 0; first < steps; first += 4)
        tile_dots(dots->dot + first, x, w->codes, first, steps - first < 4 ? steps - first : 4, width);
}

/// sum[t] += scale · d[t] · dot[t] for all steps of a chunk, and where blocks have mins that are not scaled together, the
/// min's product behind each.
CK_INLINE void add_dots(ck_f32x16 sum[CK_TILE_ROWS], const chunk_dots *dots, const ck_activations *x,
                        const tile_weights *w, size_t blocks, ck_panel_kind kind) {
    CK_ROUNDED
    const size_t halves = CK_BLOCK / step_columns(kind);
    for (size_t i = 0; i < blocks * halves; i++) {
        const size_t b = i / halves;
        const ck_f32x16 scale = w->scale[i], min = w->min[b];
        CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) {
            const ck_activations *row = x + t * CK_CHUNK + b;
            sum[t] += (scale * row->d) * __builtin_convertvector(dots->dot[i][t], ck_f32x16);
            if (kind.mins && !kind.super) sum[t] += min * row->sum;
        }
    }
}

/// A whole tile of sums: those that `out` has no room for are elsewhere.
typedef struct {
    float *at;
    size_t stride;
    /// 1 as long as nothing was written.
    int is_new;
} tile_of_sums;

CK_INLINE void load_sums(ck_f32x16 sum[CK_TILE_ROWS], const tile_of_sums *tile) {
    const ck_f32x16 none = {0};
    const float *at = tile->at;
    if (tile->is_new) {
        CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) sum[t] = none;
        return;
    }
    CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++, at += tile->stride) memcpy(&sum[t], at, sizeof sum[t]);
}

CK_INLINE void store_sums(tile_of_sums *tile, const ck_f32x16 sum[CK_TILE_ROWS]) {
    float *at = tile->at;
    CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++, at += tile->stride) memcpy(at, &sum[t], sizeof sum[t]);
    tile->is_new = 0;
}

/// sums += factor · part.
CK_INLINE void add_scaled_part(tile_of_sums *tile, ck_f32x16 factor, const ck_f32x16 part[CK_TILE_ROWS]) {
    CK_ROUNDED
    ck_f32x16 sum[CK_TILE_ROWS];
    load_sums(sum, tile);
    CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) sum[t] += factor * part[t];
    store_sums(tile, sum);
}

/// Adds a chunk's products to a tile of sums.
CK_INLINE void add_chunk(tile_of_sums *tile, const ck_activations *x, const tile_weights *w, size_t blocks,
                         ck_panel_kind kind) {
    CK_ROUNDED
    const ck_f32x16 none = {0};
    ck_f32x16 sum[CK_TILE_ROWS];
    // Before the first is scaled: sums stay in registers then.
    chunk_dots dots;
    read_dots(&dots, x, w, blocks, kind);
    if (!kind.super) {
        load_sums(sum, tile);
        add_dots(sum, &dots, x, w, blocks, kind);
        store_sums(tile, sum);
        return;
    }
    if (kind.mins) {
        CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) sum[t] = none;
        for (size_t b = 0; b < CK_CHUNK && kind.sub == CK_BLOCK; b++) {
            const ck_f32x16 min = w->min[b];
            CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) sum[t] += min * x[t * CK_CHUNK + b].sum;
        }
        for (size_t s = 0; s < 2 * CK_CHUNK && kind.sub < CK_BLOCK; s++) {
            const ck_f32x16 min = w->min[s];
            CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) {
                const ck_activations *row = x + t * CK_CHUNK + s / 2;
                sum[t] += min * (row->d * (float)row->half[s % 2]);
            }
        }
        add_scaled_part(tile, w->dmin, sum);
    }
    CK_UNROLL for (size_t t = 0; t < CK_TILE_ROWS; t++) sum[t] = none;
    add_dots(sum, &dots, x, w, blocks, kind);
    add_scaled_part(tile, w->d, sum);
}

/// Copies the sums of a row. Most panels are whole, and their rows a register.
CK_INLINE void copy_sums(float *restrict out, const float *restrict sums, size_t width) {
    if (width == CK_PANEL_ROWS) memcpy(out, sums, CK_PANEL_ROWS * sizeof *sums);
    else memcpy(out, sums, width * sizeof *sums);
}

/// A chunk of all rows of activations with all panels.
CK_INLINE void multiply_chunk(float *out, size_t out_stride, const ck_activations *x, const uint8_t *panels, size_t rows,
                              size_t first, size_t blocks, size_t m, ck_panel_kind kind, const ck_values *values) {
    const ck_panel_parts parts = ck_panel_layout(kind, blocks);
    const size_t count = blocks - first < CK_CHUNK ? blocks - first : CK_CHUNK, rest = m % CK_TILE_ROWS;
    // A last tile with fewer rows goes through a place that has all.
    ck_activations last[CK_TILE_ROWS * CK_CHUNK];
    if (rest > 0) {
        memcpy(last, x + (m - rest) * CK_CHUNK, rest * CK_TILE_STRIDE);
        memset(last + rest * CK_CHUNK, 0, (CK_TILE_ROWS - rest) * CK_TILE_STRIDE);
    }
    float place[CK_TILE_ROWS][CK_PANEL_ROWS] = {{0}};
    tile_weights w;
    for (size_t row = 0; row < rows; row += CK_PANEL_ROWS) {
        const size_t width = rows - row < CK_PANEL_ROWS ? rows - row : CK_PANEL_ROWS;
        read_chunk(&w, panels + row / CK_PANEL_ROWS * ck_panel_bytes(parts), &parts, first, count, kind,
                   values);
        for (size_t t = 0; t < m; t += CK_TILE_ROWS) {
            const size_t tokens = m - t < CK_TILE_ROWS ? m - t : CK_TILE_ROWS;
            const int is_whole = tokens == CK_TILE_ROWS && width == CK_PANEL_ROWS;
            float *at = out + t * out_stride + row;
            tile_of_sums tile = {at, out_stride, first == 0};
            if (!is_whole) {
                tile.at = place[0], tile.stride = CK_PANEL_ROWS;
                for (size_t i = 0; first > 0 && i < tokens; i++) copy_sums(place[i], at + i * out_stride, width);
            }
            add_chunk(&tile, tokens < CK_TILE_ROWS ? last : x + t * CK_CHUNK, &w, count, kind);
            for (size_t i = 0; !is_whole && i < tokens; i++) copy_sums(at + i * out_stride, place[i], width);
        }
    }
}

/// A tile of a few rows costs as much as one of sixteen: fewer than CK_TILES_FROM rows take the base's kernels.
#define CK_TILE_PRODUCT(KIND, VALUES)                                                                              \
    const size_t blocks = columns / CK_BLOCK;                                                                      \
    configure_tiles((int)step_columns(KIND) / 4, CK_TILE_ROWS);                                                    \
    for (size_t b = 0; b < blocks; b += CK_CHUNK)                                                                  \
        multiply_chunk(out, out_stride, x + b / CK_CHUNK * x_chunk, panels, rows, b, blocks, m, KIND, VALUES);     \
    _tile_release();
#define CK_TILE_PARAMETERS                                                                                       \
    float *out, size_t out_stride, const ck_activations *x, size_t x_chunk, const void *panels, size_t rows,     \
        size_t columns, size_t m
#define CK_DEFINE_TILE_PRODUCT(NAME, KIND)                                                      \
    CK_KERNEL void CK_ISA(matmul_##NAME)(CK_TILE_PARAMETERS) {                                  \
        if (m < CK_TILES_FROM) {                                                                \
            CK_BASE.matmul_##NAME(out, out_stride, x, x_chunk, panels, rows, columns, m);       \
            return;                                                                             \
        }                                                                                       \
        CK_TILE_PRODUCT(KIND, NULL)                                                             \
    }
CK_PANEL_FORMATS(CK_DEFINE_TILE_PRODUCT)
#define CK_DEFINE_KIND_TILE_PRODUCT(NAME, KIND)                                                 \
    CK_KERNEL void CK_ISA(multiply_##NAME)(CK_TILE_PARAMETERS, const ck_values *values) {       \
        CK_TILE_PRODUCT(KIND, values)                                                           \
    }
CK_UNIT_KINDS(CK_DEFINE_KIND_TILE_PRODUCT)
#define CK_DEFINE_UNIT_TILE_PRODUCT(NAME, KIND, KIND_NAME, WEIGHTS)                                                  \
    CK_KERNEL void CK_ISA(matmul_##NAME)(CK_TILE_PARAMETERS) {                                                       \
        if (m < CK_TILES_FROM) CK_BASE.matmul_##NAME(out, out_stride, x, x_chunk, panels, rows, columns, m);         \
        else CK_ISA(multiply_##KIND_NAME)(out, out_stride, x, x_chunk, panels, rows, columns, m, &ck_values_##NAME); \
    }
CK_UNIT_FORMATS(CK_DEFINE_UNIT_TILE_PRODUCT)
