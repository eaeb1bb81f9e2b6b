// Sizes and single rows of panels, which Kernels/pack.h packs.
#include "panel.h"

#include "ck_codes.h"
#include "isa.h"

/// Which group of codes a row's column belongs to, and its byte there; see panel.h.
typedef struct {
    size_t group, byte;
} place;

CK_INLINE place place_of(size_t row, size_t i) {
    const size_t columns = ck_chosen.panel_columns;
    const int shift = __builtin_ctzll(columns);
    return (place){(i >> shift << (shift - 2)) + (row << shift >> 6), ((row << shift) & 63) + (i & (columns - 1))};
}

/// The code of one row and column of a panel's block.
CK_INLINE int code_at(const uint8_t *codes, const uint8_t *high, ck_panel_kind kind, size_t row, size_t i) {
    const place at = place_of(row, i);
    if (kind.bits == 8) return (int8_t)codes[64 * at.group + at.byte];
    int code = (codes[64 * (at.group % 4) + at.byte] >> (at.group < 4 ? 0 : 4)) & 15;
    if (kind.bits == 5) code |= ((high[at.byte] >> at.group) & 1) << 4;
    if (kind.bits == 6) code |= ((high[64 * (at.group / 4) + at.byte] >> (2 * (at.group % 4))) & 3) << 4;
    return code;
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
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns) {                      \
        unpack_row(out, panel, row, columns / CK_BLOCK, KIND);                                                        \
    }
CK_PANEL_FORMATS(CK_DEFINE_PANEL)

#define CK_DEFINE_FLOAT_PANEL(NAME, TYPE)                                                                      \
    size_t ck_panel_size_##NAME(size_t columns) { return ck_float_panel_bytes(columns, sizeof(TYPE)); }        \
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns) {               \
        const TYPE *from = panel;                                                                              \
        const size_t together = ck_panel_columns(sizeof(TYPE));                                                \
        for (size_t k = 0; k < columns; k++) out[k] = ck_from_##NAME(from[ck_panel_place(row, k, together)]);  \
    }
CK_DEFINE_FLOAT_PANEL(f32, float)
CK_DEFINE_FLOAT_PANEL(f16, _Float16)
CK_DEFINE_FLOAT_PANEL(bf16, uint16_t)
