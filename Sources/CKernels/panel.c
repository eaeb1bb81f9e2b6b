// Packing of weights in panels, as the chosen instruction set reads them.
#include "panel.h"

#include "ck_codes.h"
#include "ck_super.h"
#include "isa.h"

/// Bytes of a block of a plain format.
CK_INLINE size_t plain_block_bytes(ck_panel_kind kind) {
    size_t least = kind.bits == 8 ? sizeof(ck_q8_0) : sizeof(ck_q4_0);
    return least + (kind.mins ? 2 : 0) + (kind.bits == 5 ? 4 : 0);
}

/// The codes of block `b` of a row of the file format: bytes with a sign, or 0 … 63.
CK_INLINE void codes_of_block(uint8_t codes[CK_BLOCK], ck_panel_kind kind, const uint8_t *row, size_t b) {
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
        const uint8_t *q = row + (b + 1) * plain_block_bytes(kind) - CK_BLOCK / 2;
        if (kind.bits == 5) ck_read_five(codes, q, q - CK_BLOCK / 8);
        else ck_read_nibbles(codes, q);
    }
}

/// Which group of codes a row's column belongs to, and its byte there; see panel.h.
typedef struct {
    size_t group, byte;
} place;

CK_INLINE place place_of(size_t row, size_t i) {
    const size_t columns = ck_chosen.panel_columns;
    const int shift = __builtin_ctzll(columns);
    return (place){(i >> shift << (shift - 2)) + (row << shift >> 6), ((row << shift) & 63) + (i & (columns - 1))};
}

/// Puts the codes of one row's block into the panel's vectors.
CK_INLINE void pack_codes(uint8_t *codes, uint8_t *high, const uint8_t code[CK_BLOCK], ck_panel_kind kind, size_t row) {
    for (size_t i = 0; i < CK_BLOCK; i++) {
        const place at = place_of(row, i);
        if (kind.bits == 8) {
            codes[64 * at.group + at.byte] = code[i];
            continue;
        }
        codes[64 * (at.group % 4) + at.byte] |= (uint8_t)((code[i] & 15) << (at.group < 4 ? 0 : 4));
        if (kind.bits == 5) high[at.byte] |= (uint8_t)((code[i] >> 4) << at.group);
        if (kind.bits == 6) high[64 * (at.group / 4) + at.byte] |= (uint8_t)((code[i] >> 4) << (2 * (at.group % 4)));
    }
}

/// The code of one row and column of a panel's block: what pack_codes put there.
CK_INLINE int code_at(const uint8_t *codes, const uint8_t *high, ck_panel_kind kind, size_t row, size_t i) {
    const place at = place_of(row, i);
    if (kind.bits == 8) return (int8_t)codes[64 * at.group + at.byte];
    int code = (codes[64 * (at.group % 4) + at.byte] >> (at.group < 4 ? 0 : 4)) & 15;
    if (kind.bits == 5) code |= ((high[at.byte] >> at.group) & 1) << 4;
    if (kind.bits == 6) code |= ((high[64 * (at.group / 4) + at.byte] >> (2 * (at.group % 4))) & 3) << 4;
    return code;
}

/// Packs the scales of block or super-block `unit` of one row.
CK_INLINE void pack_scales(uint8_t *scales, uint8_t *mins, ck_panel_kind kind, const uint8_t *source, size_t unit,
                           size_t row) {
    if (!kind.super) {
        const uint8_t *block = source + unit * plain_block_bytes(kind);
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

CK_INLINE void pack(uint8_t *panel, const uint8_t *rows, size_t row_bytes, size_t count, size_t blocks,
                    ck_panel_kind kind) {
    ck_panel_parts parts = ck_panel_layout(kind, blocks);
    memset(panel, 0, ck_panel_bytes(parts));
    for (size_t row = 0; row < count; row++) {
        const uint8_t *source = rows + row * row_bytes;
        for (size_t b = 0; b < blocks; b++) {
            uint8_t code[CK_BLOCK];
            codes_of_block(code, kind, source, b);
            pack_codes(panel + b * ck_panel_code_bytes(kind), panel + parts.high + b * ck_panel_high_bytes(kind), code,
                       kind, row);
        }
        for (size_t unit = 0; unit < (kind.super ? blocks / 8 : blocks); unit++)
            pack_scales(panel + parts.scales + unit * ck_panel_scale_bytes(kind),
                        panel + parts.mins + unit * ck_panel_min_bytes(kind), kind, source, unit, row);
    }
}

CK_INLINE float half_at(const uint8_t *p) {
    uint16_t bits;
    memcpy(&bits, p, sizeof bits);
    return ck_half_value(bits);
}

CK_INLINE void unpack_row(float *out, const uint8_t *panel, size_t row, size_t blocks, ck_panel_kind kind) {
    ck_panel_parts parts = ck_panel_layout(kind, blocks);
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *codes = panel + b * ck_panel_code_bytes(kind);
        const uint8_t *high = panel + parts.high + b * ck_panel_high_bytes(kind);
        size_t unit = kind.super ? b / 8 : b;
        const uint8_t *scales = panel + parts.scales + unit * ck_panel_scale_bytes(kind) + 2 * row;
        const uint8_t *mins = panel + parts.mins + unit * ck_panel_min_bytes(kind);
        float d = half_at(scales), scale[2] = {d, d}, min = 0;
        if (kind.super && kind.mins) {
            size_t i = b % 8;
            int upper = 0;
            for (size_t j = 0; i >= 4 && j < 3; j++) upper |= (mins[16 * (4 * j + i - 4) + row] >> 6) << (2 * j);
            min = -half_at(scales + 32) * (float)(i < 4 ? mins[16 * (8 + i) + row] & 63 : upper);
            scale[0] = scale[1] = d * (float)(mins[16 * i + row] & 63);
        } else if (kind.super) {
            for (size_t h = 0; h < 2; h++) scale[h] = d * (float)(int8_t)mins[16 * (b % 8 * 2 + h) + row];
        } else if (kind.mins) {
            min = half_at(mins + 2 * row);
        }
        int centre = kind.bits == 8 ? 0 : ck_panel_centre(kind);
        for (size_t i = 0; i < CK_BLOCK; i++)
            out[b * CK_BLOCK + i] =
                scale[i / 16] * (float)(code_at(codes, high, kind, row, i) - centre) + min;
    }
}

#define CK_DEFINE_PANEL(NAME, KIND)                                                                                   \
    size_t ck_panel_size_##NAME(size_t columns) { return ck_panel_bytes(ck_panel_layout(KIND, columns / CK_BLOCK)); } \
    void ck_pack_panel_##NAME(void *panel, const void *rows, size_t row_bytes, size_t count, size_t columns) {        \
        pack(panel, rows, row_bytes, count, columns / CK_BLOCK, KIND);                                                \
    }                                                                                                                 \
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns) {                      \
        unpack_row(out, panel, row, columns / CK_BLOCK, KIND);                                                        \
    }
CK_PANEL_FORMATS(CK_DEFINE_PANEL)

#define CK_DEFINE_FLOAT_PANEL(NAME, TYPE)                                                                      \
    size_t ck_panel_size_##NAME(size_t columns) { return ck_float_panel_bytes(columns, sizeof(TYPE)); }        \
    void ck_pack_panel_##NAME(void *panel, const void *rows, size_t row_bytes, size_t count, size_t columns) { \
        TYPE *restrict to = panel;                                                                             \
        if (count < CK_PANEL_ROWS) memset(panel, 0, columns * CK_PANEL_ROWS * sizeof(TYPE));                   \
        for (size_t row = 0; row < count; row++) {                                                             \
            const TYPE *restrict from = (const TYPE *)((const char *)rows + row * row_bytes);                  \
            for (size_t k = 0; k < columns; k++) to[k * CK_PANEL_ROWS + row] = from[k];                        \
        }                                                                                                      \
    }                                                                                                          \
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns) {               \
        const TYPE *from = panel;                                                                              \
        for (size_t k = 0; k < columns; k++) out[k] = ck_from_##NAME(from[k * CK_PANEL_ROWS + row]);           \
    }
CK_DEFINE_FLOAT_PANEL(f32, float)
CK_DEFINE_FLOAT_PANEL(f16, _Float16)
CK_DEFINE_FLOAT_PANEL(bf16, uint16_t)
