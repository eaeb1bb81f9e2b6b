// Packing of weights in panels, laid out as panel.h says.
//
// A panel's vectors hold words of CK_PANEL_COLUMNS columns of sixteen rows. Rows are interleaved by words first, as
// their bytes lie in the file, and bits move afterwards, in vectors that hold the same bytes of all rows: interleaving
// leaves columns in their order.

typedef uint8_t bytes_of_row __attribute__((vector_size(16)));
typedef uint16_t halves_of_row __attribute__((vector_size(16)));
typedef uint32_t words_of_row __attribute__((vector_size(16)));
typedef uint64_t longs_of_row __attribute__((vector_size(16)));

#define CK_ZIP(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define CK_LOW_BYTES(a, b) CK_ZIP(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define CK_HIGH_BYTES(a, b) CK_ZIP(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define CK_LOW_HALVES(a, b) CK_ZIP(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define CK_HIGH_HALVES(a, b) CK_ZIP(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define CK_LOW_WORDS(a, b) CK_ZIP(a, b, 0, 4, 1, 5)
#define CK_HIGH_WORDS(a, b) CK_ZIP(a, b, 2, 6, 3, 7)
#define CK_LOW_LONGS(a, b) CK_ZIP(a, b, 0, 2)
#define CK_HIGH_LONGS(a, b) CK_ZIP(a, b, 1, 3)

/// Transposes as many vectors as a vector has elements. Every zip of the first half of the vectors with the second
/// moves the highest bit of a vector's number to the lowest place of its elements' numbers.
#define CK_DEFINE_TRANSPOSE(NAME, TYPE, COUNT, LOW, HIGH)       \
    CK_INLINE void transpose_##NAME(TYPE v[COUNT]) {            \
        CK_UNROLL for (int step = 1; step < COUNT; step *= 2) { \
            TYPE w[COUNT];                                      \
            CK_UNROLL for (int i = 0; i < COUNT / 2; i++) {     \
                w[2 * i] = LOW(v[i], v[i + COUNT / 2]);         \
                w[2 * i + 1] = HIGH(v[i], v[i + COUNT / 2]);    \
            }                                                   \
            memcpy(v, w, sizeof w);                             \
        }                                                       \
    }
CK_DEFINE_TRANSPOSE(bytes, bytes_of_row, 16, CK_LOW_BYTES, CK_HIGH_BYTES)
CK_DEFINE_TRANSPOSE(halves, halves_of_row, 8, CK_LOW_HALVES, CK_HIGH_HALVES)
CK_DEFINE_TRANSPOSE(words, words_of_row, 4, CK_LOW_WORDS, CK_HIGH_WORDS)
CK_DEFINE_TRANSPOSE(longs, longs_of_row, 2, CK_LOW_LONGS, CK_HIGH_LONGS)

/// Where sixteen rows stand.
typedef struct {
    const uint8_t *row[CK_PANEL_ROWS];
} rows_of_panel;

/// Writes, for every TYPE of `bytes` bytes of a row, a multiple of 16, that of all rows side by side.
#define CK_DEFINE_INTERLEAVE(NAME, TYPE, SIZE)                                                        \
    CK_INLINE void interleave_##NAME(uint8_t *restrict out, const rows_of_panel *rows, size_t offset, \
                                     const size_t bytes) {                                            \
        for (size_t at = 0; at < bytes; at += 16)                                                     \
            CK_UNROLL for (size_t row = 0; row < CK_PANEL_ROWS; row += 16 / SIZE) {                   \
                TYPE v[16 / SIZE];                                                                    \
                CK_UNROLL for (size_t i = 0; i < 16 / SIZE; i++)                                      \
                    memcpy(&v[i], rows->row[row + i] + offset + at, 16);                              \
                transpose_##NAME(v);                                                                  \
                CK_UNROLL for (size_t i = 0; i < 16 / SIZE; i++)                                      \
                    memcpy(out + CK_PANEL_ROWS * at + SIZE * (CK_PANEL_ROWS * i + row), &v[i], 16);   \
            }                                                                                         \
    }
CK_DEFINE_INTERLEAVE(halves, halves_of_row, 2)
CK_DEFINE_INTERLEAVE(words, words_of_row, 4)
#if CK_PANEL_COLUMNS == 4
#define CK_INTERLEAVE interleave_words
#else
_Static_assert(CK_PANEL_COLUMNS == 8, "columns that stand together: four or eight");
CK_DEFINE_INTERLEAVE(longs, longs_of_row, 8)
#define CK_INTERLEAVE interleave_longs
#endif

CK_INLINE void store(uint8_t *p, ck_u8x64 v) { memcpy(p, &v, sizeof v); }

/// The nibbles of a block, whose columns 0 … 15 and 16 … 31 are either nibbles of four vectors each at `q`.
CK_INLINE void join_nibbles(uint8_t *codes, const uint8_t *q, const int upper) {
    CK_UNROLL for (int i = 0; i < 4; i++) {
        ck_u8x64 low = load(q + 64 * i), high = load(q + 256 + 64 * i);
        store(codes + 64 * i, upper ? (low >> 4) | (high & 240) : (low & 15) | (high << 4));
    }
}

/// The bits above the nibbles, `bits` of each code, which stand in eight vectors at `q` from bit `shift` up.
CK_INLINE void join_bits(uint8_t *high, const uint8_t *q, const int shift, const int bits) {
    const int groups = 8 / bits;
    CK_UNROLL for (int vector = 0; vector < bits; vector++) {
        ck_u8x64 sum = {0};
        CK_UNROLL for (int i = 0; i < groups; i++)
            sum |= ((load(q + 64 * (groups * vector + i)) >> shift) & (uint8_t)((1 << bits) - 1)) << (bits * i);
        store(high + 64 * vector, sum);
    }
}

/// Halves that stand at `offset` of each row.
CK_INLINE void gather_halves(uint8_t *out, const rows_of_panel *rows, size_t offset) {
    for (size_t row = 0; row < CK_PANEL_ROWS; row++) memcpy(out + 2 * row, rows->row[row] + offset, 2);
}

/// Sixteen bytes of each row, as a vector of all rows for each.
CK_INLINE void gather_bytes(bytes_of_row v[16], const rows_of_panel *rows, size_t offset) {
    for (size_t row = 0; row < CK_PANEL_ROWS; row++) memcpy(&v[row], rows->row[row] + offset, 16);
    transpose_bytes(v);
}

/// Scales and mins of Q4_K and Q5_K: the sixteen bytes that super-blocks begin with.
CK_INLINE void pack_super_scales(uint8_t *scales, uint8_t *mins, const rows_of_panel *rows) {
    bytes_of_row v[16], small[16];
    gather_bytes(v, rows, 0);
    for (int i = 0; i < 2; i++) {
        bytes_of_row low = CK_LOW_BYTES(v[2 * i], v[2 * i + 1]), high = CK_HIGH_BYTES(v[2 * i], v[2 * i + 1]);
        memcpy(scales + 32 * i, &low, 16);
        memcpy(scales + 32 * i + 16, &high, 16);
    }
    // Scales, then mins; see ck_super_scale.
    const bytes_of_row *packed = v + 4;
    for (int b = 0; b < 4; b++) {
        small[b] = packed[b] & 63;
        small[4 + b] = (packed[8 + b] & 15) | (packed[b] >> 6) << 4;
        small[8 + b] = packed[4 + b] & 63;
        small[12 + b] = packed[8 + b] >> 4 | (packed[4 + b] >> 6) << 4;
    }
    for (int i = 0; i < 12; i++) {
        bytes_of_row joined = small[i] | ((small[12 + i % 4] >> (2 * (i / 4))) & 3) << 6;
        memcpy(mins + 16 * i, &joined, 16);
    }
}

/// The fifth bits of a block of Q5_0 or Q5_1, a byte each.
CK_INLINE void read_fifth(uint8_t *bits, const uint8_t *word) {
    const bytes_of_row place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    for (int half = 0; half < 2; half++) {
        bytes_of_row two = {word[2 * half], word[2 * half + 1]};
        two = __builtin_shufflevector(two, two, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        two = (bytes_of_row)((two & place) != 0) & 1;
        memcpy(bits + 16 * half, &two, 16);
    }
}

/// A block of a plain format.
CK_INLINE void pack_block(uint8_t *codes, uint8_t *high, uint8_t *scales, uint8_t *mins, const rows_of_panel *rows,
                          const ck_panel_kind kind) {
    const size_t q = ck_block_bytes(kind) - (kind.bits == 8 ? CK_BLOCK : CK_BLOCK / 2);
    CK_INTERLEAVE(codes, rows, q, kind.bits == 8 ? CK_BLOCK : CK_BLOCK / 2);
    if (kind.bits == 5) {
        uint8_t fifth[CK_PANEL_ROWS][CK_BLOCK], turned[sizeof fifth];
        rows_of_panel expanded;
        for (size_t row = 0; row < CK_PANEL_ROWS; row++) {
            read_fifth(fifth[row], rows->row[row] + q - 4);
            expanded.row[row] = fifth[row];
        }
        CK_INTERLEAVE(turned, &expanded, 0, CK_BLOCK);
        join_bits(high, turned, 0, 1);
    }
    gather_halves(scales, rows, 0);
    if (kind.mins) gather_halves(mins, rows, 2);
}

/// A super-block.
CK_INLINE void pack_super(uint8_t *codes, uint8_t *high, uint8_t *scales, uint8_t *mins, const rows_of_panel *rows,
                          const ck_panel_kind kind) {
    uint8_t nibbles[CK_PANEL_ROWS * CK_SUPER / 2], upper[CK_PANEL_ROWS * CK_SUPER / 4];
    const size_t nibble_offset = kind.bits == 6 ? 0 : ck_block_bytes(kind) - CK_SUPER / 2;
    CK_INTERLEAVE(nibbles, rows, nibble_offset, CK_SUPER / 2);
    if (kind.bits == 5) CK_INTERLEAVE(upper, rows, nibble_offset - CK_SUPER / 8, CK_SUPER / 8);
    if (kind.bits == 6) CK_INTERLEAVE(upper, rows, CK_SUPER / 2, CK_SUPER / 4);
    // Two blocks share bytes: neighbours, and in Q6_K those that are two apart.
    CK_UNROLL for (int b = 0; b < 8; b++) {
        const int pair = kind.bits == 6 ? b / 4 * 2 + b % 2 : b / 2, is_upper = kind.bits == 6 ? b / 2 % 2 : b % 2;
        join_nibbles(codes + (size_t)b * ck_panel_code_bytes(kind), nibbles + 512 * pair, is_upper);
        uint8_t *bits = high + (size_t)b * ck_panel_high_bytes(kind);
        if (kind.bits == 5) join_bits(bits, upper, b, 1);
        if (kind.bits == 6) join_bits(bits, upper + 512 * (b / 4), 2 * (b % 4), 2);
    }
    if (kind.mins) {
        pack_super_scales(scales, mins, rows);
    } else {
        bytes_of_row small[16];
        gather_bytes(small, rows, CK_SUPER / 2 + CK_SUPER / 4);
        memcpy(mins, small, sizeof small);
        gather_halves(scales, rows, ck_block_bytes(kind) - 2);
    }
}

/// Packs `count` rows; the others are zero.
CK_INLINE void pack_panel(uint8_t *restrict panel, const uint8_t *restrict source, size_t row_bytes, size_t count,
                          size_t columns, const ck_panel_kind kind) {
    static const uint8_t nothing[sizeof(ck_q6_k)];
    const size_t bytes = ck_block_bytes(kind), blocks = columns / CK_BLOCK, step = kind.super ? 8 : 1;
    const ck_panel_parts parts = ck_panel_layout(kind, blocks);
    for (size_t unit = 0; unit < blocks / step; unit++) {
        rows_of_panel rows;
        for (size_t row = 0; row < CK_PANEL_ROWS; row++)
            rows.row[row] = row < count ? source + row * row_bytes + unit * bytes : nothing;
        uint8_t *codes = panel + unit * step * ck_panel_code_bytes(kind);
        uint8_t *high = panel + parts.high + unit * step * ck_panel_high_bytes(kind);
        uint8_t *scales = panel + parts.scales + unit * ck_panel_scale_bytes(kind);
        uint8_t *mins = panel + parts.mins + unit * ck_panel_min_bytes(kind);
        if (kind.super) pack_super(codes, high, scales, mins, &rows, kind);
        else pack_block(codes, high, scales, mins, &rows, kind);
    }
    memset(panel + parts.end, 0, ck_panel_bytes(parts) - parts.end);
}

#define CK_DEFINE_PACK(NAME, KIND)                                                                              \
    CK_KERNEL void CK_ISA(pack_panel_##NAME)(void *restrict panel, const void *restrict rows, size_t row_bytes, \
                                             size_t count, size_t columns) {                                    \
        pack_panel(panel, rows, row_bytes, count, columns, KIND);                                               \
    }
CK_PANEL_FORMATS(CK_DEFINE_PACK)

/// The same for numbers: `size` bytes each, of any number of columns.
#define CK_DEFINE_FLOAT_PACK(NAME, TYPE, INTERLEAVE)                                                                  \
    CK_KERNEL void CK_ISA(pack_panel_##NAME)(void *restrict panel, const void *restrict source, size_t row_bytes,     \
                                             size_t count, size_t columns) {                                          \
        static const uint8_t nothing[16];                                                                             \
        const size_t step = 16 / sizeof(TYPE), whole = columns / step * step;                                         \
        TYPE *restrict out = panel;                                                                                   \
        for (size_t k = 0; k < columns; k += step) {                                                                  \
            rows_of_panel rows;                                                                                       \
            for (size_t row = 0; row < CK_PANEL_ROWS; row++)                                                          \
                rows.row[row] = row < count ? (const uint8_t *)source + row * row_bytes + k * sizeof(TYPE) : nothing; \
            if (k < whole) INTERLEAVE((uint8_t *)(out + k * CK_PANEL_ROWS), &rows, 0, 16);                            \
            for (size_t i = 0; k >= whole && i < columns - whole; i++)                                                \
                for (size_t row = 0; row < CK_PANEL_ROWS; row++)                                                      \
                    memcpy(out + (k + i) * CK_PANEL_ROWS + row, rows.row[row] + i * sizeof(TYPE), sizeof(TYPE));      \
        }                                                                                                             \
        const size_t bytes = columns * CK_PANEL_ROWS * sizeof(TYPE);                                                  \
        memset((char *)panel + bytes, 0, ck_float_panel_bytes(columns, sizeof(TYPE)) - bytes);                        \
    }
CK_DEFINE_FLOAT_PACK(f32, uint32_t, interleave_words)
CK_DEFINE_FLOAT_PACK(f16, uint16_t, interleave_halves)
CK_DEFINE_FLOAT_PACK(bf16, uint16_t, interleave_halves)
