// Products of panels of quantised weights with rows of rounded activations, on top of the dots of an instruction set.
//
// All arithmetic in here is on whole vectors of sixteen lanes, a lane a row of weights, which the compiler splits where
// registers are narrower. Per output, blocks are added in order in single precision, whatever the number of rows of
// activations: a row's result never depends on the others.

/// sum[t] += scale · d[t] · dot[t], over groups `first` to `first + count` of a block.
CK_INLINE void add_dots(ck_f32x16 *sum, const block_codes *w, const int first, const int count,
                        ck_panel_kind kind, ck_f32x16 scale, const ck_activations *x, const int tokens) {
    CK_FAST
    ck_i32x16 dot[CK_TOKENS];
    dots(dot, w->group, first, count, ck_panel_width(kind), ck_panel_centre(kind), x, tokens);
    CK_UNROLL for (int t = 0; t < tokens; t++)
        sum[t] += (scale * x[(size_t)t * CK_CHUNK].d) * __builtin_convertvector(dot[t], ck_f32x16);
}

/// sum[t] += value · Σ of x[t], for one block.
CK_INLINE void add_offset(ck_f32x16 *sum, ck_f32x16 value, const ck_activations *x, const int tokens) {
    CK_FAST
    CK_UNROLL for (int t = 0; t < tokens; t++) sum[t] += value * x[(size_t)t * CK_CHUNK].sum;
}

/// sum[t] += factor · part[t].
CK_INLINE void add_part(ck_f32x16 *sum, ck_f32x16 factor, const ck_f32x16 *part, const int tokens) {
    CK_FAST
    CK_UNROLL for (int t = 0; t < tokens; t++) sum[t] += factor * part[t];
}

/// Adds a block of a plain format.
CK_INLINE void add_block(ck_f32x16 *sum, ck_panel_kind kind, const block_codes *w, const uint8_t *scale,
                         const uint8_t *min, const ck_activations *x, const int tokens) {
    const int scales = CK_BLOCK / kind.sub, count = 8 / scales;
    CK_UNROLL for (int i = 0; i < scales; i++)
        add_dots(sum, w, i * count, count, kind, load_scales(kind, scale + ck_panel_scale_step(kind) * (size_t)i), x, tokens);
    if (kind.mins) add_offset(sum, load_f16(min), x, tokens);
}

/// Adds the mins of a super-block: sum[t] −= dmin · Σ over blocks of min · Σ of x[t].
CK_INLINE void add_mins(ck_f32x16 *sum, const uint8_t *dmin, const uint8_t *mins, const ck_activations *x,
                        const int tokens) {
    ck_f32x16 part[CK_TOKENS], none = {0};
    CK_UNROLL for (int t = 0; t < tokens; t++) part[t] = none;
    for (int b = 0; b < 8; b++)
        add_offset(part, __builtin_convertvector(load_bytes(mins + 16 * b), ck_f32x16), x + b, tokens);
    add_part(sum, -load_f16(dmin), part, tokens);
}

/// The same where each sixteen columns have a min, above the nibble of their scale.
CK_INLINE void add_small_mins(ck_f32x16 *sum, const uint8_t *dmin, const uint8_t *small, const ck_activations *x,
                              const int tokens) {
    CK_ROUNDED
    ck_f32x16 part[CK_TOKENS], none = {0};
    CK_UNROLL for (int t = 0; t < tokens; t++) part[t] = none;
    for (size_t s = 0; s < 16; s++) {
        ck_f32x16 min = __builtin_convertvector(load_bytes(small + 16 * s) >> 4, ck_f32x16);
        CK_UNROLL for (int t = 0; t < tokens; t++) {
            const ck_activations *row = x + (size_t)t * CK_CHUNK + s / 2;
            part[t] += min * (row->d * (float)row->half[s % 2]);
        }
    }
    add_part(sum, -load_f16(dmin), part, tokens);
}

/// Adds a super-block. The small scales are applied within it, d once behind it.
CK_INLINE void add_super(ck_f32x16 *sum, ck_panel_kind kind, const uint8_t *codes, const uint8_t *high,
                         const uint8_t *d, const uint8_t *small, size_t ahead, const ck_activations *x,
                         const ck_values *values, const int tokens) {
    uint8_t scales[256];
    ck_f32x16 part[CK_TOKENS], none = {0};
    const int is_split = kind.sub < CK_BLOCK;
    if (kind.mins && is_split) add_small_mins(sum, d + 32, small, x, tokens);
    if (kind.mins && !is_split) {
        unpack_scales(scales, small);
        add_mins(sum, d + 32, scales + 128, x, tokens);
    }
    CK_UNROLL for (int t = 0; t < tokens; t++) part[t] = none;
    for (size_t b = 0; b < 8; b++) {
        fetch(codes, ck_panel_code_bytes(kind), ahead);
        fetch(high, ck_panel_high_bytes(kind), ahead);
        block_codes w = decode(kind, codes, high, values);
        // The halves of a block may have scales of their own.
        const int count = is_split ? 4 : 8;
        if (kind.sub == CK_SUPER) add_dots(part, &w, 0, 8, kind, none + 1, x + b, tokens);
        for (int first = 0; first < 8 && kind.sub <= CK_BLOCK; first += count) {
            ck_u8x16 bytes = load_bytes((kind.mins && !is_split ? scales : small)
                                        + 16 * ((size_t)(8 / count) * b + (size_t)(first / count)));
            ck_f32x16 scale = kind.mins ? __builtin_convertvector(is_split ? bytes & 15 : bytes, ck_f32x16)
                                        : __builtin_convertvector((ck_i8x16)bytes, ck_f32x16);
            add_dots(part, &w, first, count, kind, scale, x + b, tokens);
        }
        codes += ck_panel_code_bytes(kind);
        high += ck_panel_high_bytes(kind);
    }
    const ck_f32x16 factor = load_f16(d);
    add_part(sum, kind.values ? factor * values->factor : factor, part, tokens);
}

/// out[t][r] = Σ over blocks, for one panel and `tokens` rows of activations. Asks for the bytes that stand `ahead` of
/// those it reads, unless that is zero. Blocks of a row that stands alone follow one another across chunks.
CK_INLINE void tile(float *out, size_t out_stride, const ck_activations *x, size_t x_chunk,
                    const uint8_t *panel, size_t rows, size_t blocks, size_t ahead, ck_panel_kind kind,
                    const ck_values *values, const int tokens, const int is_alone) {
    ck_panel_parts parts = ck_panel_layout(kind, blocks);
    const uint8_t *codes = panel, *high = panel + parts.high;
    const uint8_t *scales = panel + parts.scales, *mins = panel + parts.mins;
    size_t code_bytes = ck_panel_code_bytes(kind), high_bytes = ck_panel_high_bytes(kind);
    const size_t chunk = x_chunk * sizeof *x, next_chunk = chunk - (CK_CHUNK - 1) * sizeof *x;
    ck_f32x16 sum[CK_TOKENS], none = {0};
    CK_UNROLL for (int t = 0; t < tokens; t++) sum[t] = none;
    for (size_t b = 0; b < blocks; b += kind.super ? CK_CHUNK : 1) {
        fetch(scales, ck_panel_scale_bytes(kind), ahead);
        fetch(mins, ck_panel_min_bytes(kind), ahead);
        if (kind.super) {
            add_super(sum, kind, codes, high, scales, mins, ahead, x, values, tokens);
        } else {
            fetch(codes, code_bytes, ahead);
            fetch(high, high_bytes, ahead);
            block_codes w = decode(kind, codes, high, values);
            add_block(sum, kind, &w, scales, mins, x, tokens);
        }
        size_t next = is_alone || ~b % CK_CHUNK ? sizeof *x : next_chunk;
        x = (const ck_activations *)((const char *)x + (kind.super ? chunk : next));
        codes += code_bytes * (kind.super ? CK_CHUNK : 1);
        high += high_bytes * (kind.super ? CK_CHUNK : 1);
        scales += ck_panel_scale_bytes(kind);
        mins += ck_panel_min_bytes(kind);
    }
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        if (rows == CK_PANEL_ROWS) memcpy(out + (size_t)t * out_stride, &sum[t], sizeof sum[t]);
        else memcpy(out + (size_t)t * out_stride, &sum[t], rows * sizeof(float));
    }
}

_Static_assert(CK_TOKENS <= 16, "CK_DEFINE_PRODUCT has tiles of up to 16 rows");

/// The next panel follows this one, and its bytes are wanted in the same order: asking for what stands a panel ahead
/// keeps the memory busy where the processor's own prefetcher would start anew for every part of every panel. Only the
/// first rows of activations ask; later ones find the panel in cache.
///
/// Rows of activations are spread evenly over tiles: a tile of one costs nearly as much as one of many.
#define CK_TILE(KIND, VALUES, TOKENS)                                                                           \
    case TOKENS:                                                                                                \
        if (TOKENS == 1 && x_chunk == CK_CHUNK)                                                                 \
            tile(out + row, out_stride, x, x_chunk, panel, count, blocks, panel_bytes, KIND, VALUES, 1, 1);     \
        else if (TOKENS <= CK_TOKENS)                                                                           \
            tile(out + t * out_stride + row, out_stride, x + t * CK_CHUNK, x_chunk, panel, count, blocks,      \
                 i == 0 ? panel_bytes : 0, KIND, VALUES, TOKENS <= CK_TOKENS ? TOKENS : 1, 0);                  \
        break;
#define CK_PRODUCT(KIND, VALUES)                                                                                  \
    const size_t blocks = columns / CK_BLOCK, tiles = (m + CK_TOKENS - 1) / CK_TOKENS;                            \
    const size_t panel_bytes = ck_panel_bytes(ck_panel_layout(KIND, blocks));                                     \
    for (size_t row = 0; row < rows; row += CK_PANEL_ROWS) {                                                      \
        const uint8_t *panel = (const uint8_t *)panels + row / CK_PANEL_ROWS * panel_bytes;                       \
        size_t count = rows - row < CK_PANEL_ROWS ? rows - row : CK_PANEL_ROWS;                                   \
        for (size_t i = 0; i < tiles; i++) {                                                                      \
            size_t t = m * i / tiles;                                                                             \
            switch (m * (i + 1) / tiles - t) {                                                                    \
                CK_TILE(KIND, VALUES, 1) CK_TILE(KIND, VALUES, 2) CK_TILE(KIND, VALUES, 3)                        \
                CK_TILE(KIND, VALUES, 4) CK_TILE(KIND, VALUES, 5) CK_TILE(KIND, VALUES, 6)                        \
                CK_TILE(KIND, VALUES, 7) CK_TILE(KIND, VALUES, 8) CK_TILE(KIND, VALUES, 9)                        \
                CK_TILE(KIND, VALUES, 10) CK_TILE(KIND, VALUES, 11) CK_TILE(KIND, VALUES, 12)                     \
                CK_TILE(KIND, VALUES, 13) CK_TILE(KIND, VALUES, 14) CK_TILE(KIND, VALUES, 15)                     \
                CK_TILE(KIND, VALUES, 16)                                                                         \
            }                                                                                                     \
        }                                                                                                         \
    }
#define CK_PRODUCT_PARAMETERS                                                                                    \
    float *out, size_t out_stride, const ck_activations *x, size_t x_chunk, const void *panels, size_t rows,     \
        size_t columns, size_t m
#define CK_DEFINE_PRODUCT(NAME, KIND) \
    CK_KERNEL void CK_ISA(matmul_##NAME)(CK_PRODUCT_PARAMETERS) { CK_PRODUCT(KIND, NULL) }
CK_PANEL_FORMATS(CK_DEFINE_PRODUCT)

/// A kind of panels is multiplied by one kernel, whatever its codes stand for.
#define CK_DEFINE_KIND_PRODUCT(NAME, KIND)                                                             \
    CK_KERNEL void CK_ISA(multiply_##NAME)(CK_PRODUCT_PARAMETERS, const ck_values *values) {           \
        CK_PRODUCT(KIND, values)                                                                       \
    }
CK_UNIT_KINDS(CK_DEFINE_KIND_PRODUCT)
#define CK_DEFINE_UNIT_PRODUCT(NAME, KIND, KIND_NAME, WEIGHTS)                                                       \
    CK_KERNEL void CK_ISA(matmul_##NAME)(CK_PRODUCT_PARAMETERS) {                                                    \
        CK_ISA(multiply_##KIND_NAME)(out, out_stride, x, x_chunk, panels, rows, columns, m, &ck_values_##NAME);      \
    }
CK_UNIT_FORMATS(CK_DEFINE_UNIT_PRODUCT)
