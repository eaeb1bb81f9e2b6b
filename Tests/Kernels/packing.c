// Packed panels, to the byte: kernels against a plain twin, which puts one code after another where panel.h says.
#include "check.h"
#include "isa.h"

/// The codes of block `b` of a row of the file format: bytes with a sign, or 0 … 63.
static void codes_of_block(uint8_t codes[CK_BLOCK], ck_panel_kind kind, const uint8_t *row, size_t b) {
    const size_t supers = b / (CK_SUPER / CK_BLOCK);
    const int within = (int)(b % (CK_SUPER / CK_BLOCK));
    if (kind.bits == 8) {
        memcpy(codes, ((const ck_q8_0 *)row)[b].q, CK_BLOCK);
    } else if (kind.bits == 6) {
        ck_read_six(codes, (const ck_q6_k *)row + supers, within);
    } else if (kind.super && kind.bits == 5) {
        const ck_q5_k *block = (const ck_q5_k *)row + supers;
        ck_read_super(codes, block->q, block->high, within);
    } else if (kind.super) {
        ck_read_super(codes, ((const ck_q4_k *)row)[supers].q, NULL, within);
    } else {
        // Nibbles end a block, and fifth bits stand before them.
        const uint8_t *q = row + (b + 1) * ck_block_bytes(kind) - CK_BLOCK / 2;
        if (kind.bits == 5) ck_read_five(codes, q, q - CK_BLOCK / 8);
        else ck_read_nibbles(codes, q);
    }
}

/// Which group of codes a row's column belongs to, and its byte there, where `columns` columns stand together.
typedef struct {
    size_t group, byte;
} place;

static place place_of(size_t row, size_t i, size_t columns) {
    const int shift = __builtin_ctzll(columns);
    return (place){(i >> shift << (shift - 2)) + (row << shift >> 6), ((row << shift) & 63) + (i & (columns - 1))};
}

/// Puts the codes of one row's block into the panel's vectors.
static void pack_codes(uint8_t *codes, uint8_t *high, const uint8_t code[CK_BLOCK], ck_panel_kind kind, size_t row,
                       size_t columns) {
    for (size_t i = 0; i < CK_BLOCK; i++) {
        const place at = place_of(row, i, columns);
        if (kind.bits == 8) {
            codes[64 * at.group + at.byte] = code[i];
            continue;
        }
        codes[64 * (at.group % 4) + at.byte] |= (uint8_t)((code[i] & 15) << (at.group < 4 ? 0 : 4));
        if (kind.bits == 5) high[at.byte] |= (uint8_t)((code[i] >> 4) << at.group);
        if (kind.bits == 6) high[64 * (at.group / 4) + at.byte] |= (uint8_t)((code[i] >> 4) << (2 * (at.group % 4)));
    }
}

/// Packs one row of a format whose blocks have `weights` weights and `bytes` bytes, and are read by `read`.
static void pack_units(uint8_t *panel, const uint8_t *source, size_t row, size_t blocks, ck_panel_kind kind,
                       size_t weights, size_t bytes, void (*read)(ck_unit *, const void *), size_t together) {
    const ck_panel_parts parts = ck_panel_layout(kind, blocks);
    const size_t each = weights / CK_BLOCK, smalls = (size_t)CK_BLOCK / (size_t)kind.sub;
    for (size_t b = 0; b < blocks; b++) {
        ck_unit unit;
        read(&unit, source + b / each * bytes);
        uint8_t *codes = panel + b * ck_panel_code_bytes(kind), *high = panel + parts.high + b * ck_panel_high_bytes(kind);
        for (size_t i = 0; i < CK_BLOCK; i++) {
            const place at = place_of(row, i, together);
            const uint8_t code = unit.codes[b % each * CK_BLOCK + i];
            check_that(code < 1 << kind.bits, "a code of as many bits as its kind has");
            if (kind.bits == 8) codes[64 * at.group + at.byte] = code;
            else if (kind.bits == 4) codes[64 * (at.group % 4) + at.byte] |= (uint8_t)(code << 4 * (at.group / 4));
            else codes[64 * (at.group % 2) + at.byte] |= (uint8_t)((code & 3) << 2 * (at.group / 2));
            if (kind.bits == 3) high[at.byte] |= (uint8_t)((code >> 2) << at.group);
        }
        if (kind.super) {
            uint8_t *d = panel + parts.scales + b / 8 * ck_panel_scale_bytes(kind);
            memcpy(d + 2 * row, &unit.d, 2);
            if (kind.mins) memcpy(d + 32 + 2 * row, &unit.dmin, 2);
        } else if (kind.scale == CK_SCALE_HALF) {
            uint8_t *d = panel + parts.scales + 32 * smalls * b;
            memcpy(d + 2 * row, &unit.d, 2);
            if (smalls > 1) memcpy(d + 32 + 2 * row, &unit.dmin, 2);
            if (kind.mins) memcpy(panel + parts.mins + 32 * b + 2 * row, &unit.dmin, 2);
            continue;
        }
        uint8_t *small = panel + (kind.super ? parts.mins : parts.scales);
        for (size_t i = 0; i < smalls; i++)
            small[16 * (smalls * b + i) + row] = unit.scales[smalls * (b % each) + i];
    }
}

/// Packs the scales of block or super-block `unit` of one row.
static void pack_scales(uint8_t *scales, uint8_t *mins, ck_panel_kind kind, const uint8_t *source, size_t unit,
                        size_t row) {
    if (!kind.super) {
        const uint8_t *block = source + unit * ck_block_bytes(kind);
        memcpy(scales + 2 * row, block, 2);
        if (kind.mins) memcpy(mins + 2 * row, block + 2, 2);
    } else if (kind.bits == 6) {
        const ck_q6_k *block = (const ck_q6_k *)source + unit;
        memcpy(scales + 2 * row, &block->d, 2);
        for (size_t i = 0; i < 16; i++) mins[16 * i + row] = (uint8_t)block->scales[i];
    } else {
        const uint8_t *block = source + unit * (kind.bits == 4 ? sizeof(ck_q4_k) : sizeof(ck_q5_k));
        memcpy(scales + 2 * row, block, 2);
        memcpy(scales + 32 + 2 * row, block + 2, 2);
        // Scales, then mins.
        int value[2 * CK_SUBS];
        for (int b = 0; b < CK_SUBS; b++) ck_super_scale(block + 4, b, &value[b], &value[CK_SUBS + b]);
        for (size_t i = 0; i < 12; i++)
            mins[16 * i + row] = (uint8_t)(value[i] | ((value[12 + i % 4] >> (2 * (i / 4))) & 3) << 6);
    }
}

/// The twin, with `together` columns of a row together.
static void pack(uint8_t *panel, const uint8_t *rows, size_t row_bytes, size_t count, size_t blocks,
                 ck_panel_kind kind, size_t together) {
    ck_panel_parts parts = ck_panel_layout(kind, blocks);
    memset(panel, 0, ck_panel_bytes(parts));
    for (size_t row = 0; row < count; row++) {
        const uint8_t *source = rows + row * row_bytes;
        for (size_t b = 0; b < blocks; b++) {
            uint8_t code[CK_BLOCK];
            codes_of_block(code, kind, source, b);
            pack_codes(panel + b * ck_panel_code_bytes(kind), panel + parts.high + b * ck_panel_high_bytes(kind), code,
                       kind, row, together);
        }
        for (size_t unit = 0; unit < (kind.super ? blocks / 8 : blocks); unit++)
            pack_scales(panel + parts.scales + unit * ck_panel_scale_bytes(kind),
                        panel + parts.mins + unit * ck_panel_min_bytes(kind), kind, source, unit, row);
    }
}

#define READER(NAME, KIND, KIND_NAME, WEIGHTS) \
    static void read_##NAME(ck_unit *unit, const void *block) { ck_read_##NAME(unit, block); }
CK_UNIT_FORMATS(READER)

/// The twin for numbers of `size` bytes.
static void pack_numbers(uint8_t *panel, const uint8_t *rows, size_t row_bytes, size_t count, size_t columns,
                         size_t size, size_t together) {
    memset(panel, 0, ck_float_panel_bytes(columns, size));
    for (size_t row = 0; row < count; row++)
        for (size_t k = 0; k < columns; k++)
            memcpy(panel + ((k - k % together) * CK_PANEL_ROWS + row * together + k % together) * size,
                   rows + row * row_bytes + k * size, size);
}

static const struct format {
    const char *name;
    ck_panel_kind kind;
    /// Bytes of a number; 0 for quantised formats.
    size_t number;
    size_t (*size)(size_t);
    void (*pack)(void *, const void *, size_t, size_t, size_t);
    void (*turn)(void *, size_t, const void *, size_t, size_t);
    /// Of a block in the file; its reader is null where it is packed as it lies.
    size_t weights, bytes;
    void (*read)(ck_unit *, const void *);
} formats[] = {
#define QUANTISED(NAME, KIND)                                                                  \
    {#NAME, KIND, 0, ck_panel_size_##NAME, ck_pack_panel_##NAME, ck_turn_panel_##NAME,         \
     (KIND).super ? CK_SUPER : CK_BLOCK, sizeof(ck_##NAME), NULL},
#define UNITS(NAME, KIND, KIND_NAME, WEIGHTS) \
    {#NAME, KIND, 0, ck_panel_size_##NAME, ck_pack_panel_##NAME, ck_turn_panel_##NAME, WEIGHTS, sizeof(ck_##NAME), read_##NAME},
#define FLOATS(NAME, SIZE) \
    {#NAME, {0}, SIZE, ck_panel_size_##NAME, ck_pack_panel_##NAME, ck_turn_panel_##NAME, 1, SIZE, NULL},
    CK_PANEL_FORMATS(QUANTISED) CK_UNIT_FORMATS(UNITS) FLOATS(f32, 4) FLOATS(f16, 2) FLOATS(bf16, 2)};

/// Rows of arbitrary bytes that lie `gap` bytes apart, in memory that ends with the last of them; the panel is anything
/// before, and nothing behind it is written.
static void test_packing(const struct format *f, size_t count, size_t columns, size_t gap) {
    static const uint8_t nothing[CK_SUPER];
    size_t bytes = columns / f->weights * f->bytes;
    size_t row_bytes = bytes + gap, length = (count - 1) * row_bytes + bytes, size = f->size(columns);
    uint8_t *rows = malloc(length + (length == 0)), *want = malloc(size), *got = malloc(size + 1);
    uint8_t *turned = malloc(size + 1);
    if (!rows || !want || !got || !turned) abort();
    for (size_t i = 0; i < length; i++) rows[i] = (uint8_t)(255.9f * fabsf(random_float()));
    memset(got, 0xa5, size + 1);
    check_context(f->name, count, columns, gap);
    // In the instruction set's own layout, and turned from that to both that there are.
    const size_t own = ck_panel_columns(f->number), most = f->number == 0 ? 8 : f->number == 2 ? 2 : 1;
    f->pack(got, rows, row_bytes, count, columns);
    for (size_t to = f->number ? 1 : 4; to <= most; to *= 2) {
        memset(want, 0, size);
        for (size_t row = 0; row < CK_PANEL_ROWS && f->read; row++)
            pack_units(want, row < count ? rows + row * row_bytes : nothing, row, columns / CK_BLOCK, f->kind, f->weights,
                       row < count ? f->bytes : 0, f->read, to);
        if (f->number) pack_numbers(want, rows, row_bytes, count, columns, f->number, to);
        else if (!f->read) pack(want, rows, row_bytes, count, columns / CK_BLOCK, f->kind, to);
        if (to == own) check_that(memcmp(got, want, size) == 0, "a panel as its description says");
        memset(turned, 0xa5, size + 1);
        f->turn(turned, to, got, own, columns);
        check_that(memcmp(turned, want, size) == 0, "a panel of another layout");
        check_that(turned[size] == 0xa5 && got[size] == 0xa5, "no byte behind a panel is written");
    }
    free(rows);
    free(want);
    free(got);
    free(turned);
}

void test_packing_of_panels(void) {
    for (size_t f = 0; f < COUNT(formats); f++) {
        const size_t block = formats[f].weights;
        for (size_t count = 1; count <= CK_PANEL_ROWS; count++)
            for (size_t blocks = 0; blocks <= 19; blocks += blocks < 3 ? 1 : 4)
                test_packing(formats + f, count, blocks * block, count % 3 * 4);
    }
}
