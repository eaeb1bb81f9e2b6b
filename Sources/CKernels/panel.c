// Sizes and single rows of panels, which Kernels/pack.h packs.
#include "panel.h"

#include "ck_codes.h"
#include "ck_units.h"
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
    if (kind.bits <= 3) {
        const int low = codes[64 * (at.group % 2) + at.byte] >> (2 * (at.group / 2)) & 3;
        return kind.bits == 3 ? low | ((high[at.byte] >> at.group) & 1) << 2 : low;
    }
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

/// The small scale and min of block b of a row of a super-block of Q4_K or Q5_K.
CK_INLINE void super_scale_at(const uint8_t *packed, size_t b, size_t row, int *scale, int *min) {
    int upper = 0;
    for (size_t j = 0; b >= 4 && j < 3; j++) upper |= (packed[16 * (4 * j + b - 4) + row] >> 6) << (2 * j);
    *min = b < 4 ? packed[16 * (8 + b) + row] & 63 : upper;
    *scale = packed[16 * b + row] & 63;
}

CK_INLINE void unpack_row(float *out, const uint8_t *panel, size_t row, size_t blocks, ck_panel_kind kind,
                          const ck_values *values) {
    ck_panel_parts parts = ck_panel_layout(kind, blocks);
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *codes = panel + b * ck_panel_code_bytes(kind);
        const uint8_t *high = panel + parts.high + b * ck_panel_high_bytes(kind);
        size_t unit = kind.super ? b / 8 : b;
        const uint8_t *scales = panel + parts.scales + unit * ck_panel_scale_bytes(kind);
        const uint8_t *mins = panel + parts.mins + unit * ck_panel_min_bytes(kind);
        float scale[2], min[2] = {0, 0};
        for (size_t h = 0; h < 2; h++) {
            const size_t step = kind.super ? 0 : ck_panel_scale_step(kind) * (h * 16 / (size_t)kind.sub);
            const float d =
                kind.super || kind.scale == CK_SCALE_HALF ? half_at(scales + step + 2 * row) * values->factor : 0;
            const uint8_t *small = mins + 16 * (b % 8 * (size_t)(CK_BLOCK / kind.sub) + h * 16 / (size_t)kind.sub) + row;
            if (kind.super && kind.mins && kind.sub == CK_BLOCK) {
                int s, m;
                super_scale_at(mins, b % 8, row, &s, &m);
                scale[h] = d * (float)s;
                min[h] = -half_at(scales + 32 + 2 * row) * (float)m;
            } else if (kind.super && kind.mins) {
                scale[h] = d * (float)(*small & 15);
                min[h] = -half_at(scales + 32 + 2 * row) * (float)(*small >> 4);
            } else if (kind.super && kind.sub < CK_SUPER) {
                scale[h] = d * (float)(int8_t)*small;
            } else if (kind.super || kind.scale == CK_SCALE_HALF) {
                scale[h] = d;
                if (kind.mins) min[h] = half_at(mins + 2 * row);
            } else {
                const uint8_t byte = scales[step + row];
                scale[h] = kind.scale == CK_SCALE_POWER ? ck_power_value(byte) : ck_e4m3_value(byte);
            }
        }
        for (size_t i = 0; i < CK_BLOCK; i++)
            out[b * CK_BLOCK + i] =
                scale[i / 16] * (float)ck_code_value(code_at(codes, high, kind, row, i), kind, values) + min[i / 16];
    }
}

#define CK_DEFINE_PANEL(NAME, KIND, VALUES)                                                                           \
    size_t ck_panel_size_##NAME(size_t columns) { return ck_panel_bytes(ck_panel_layout(KIND, columns / CK_BLOCK)); } \
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns) {                      \
        unpack_row(out, panel, row, columns / CK_BLOCK, KIND, VALUES);                                                \
    }
static const ck_values plain = {{0}, 1};
#define CK_DEFINE_PLAIN_PANEL(NAME, KIND) CK_DEFINE_PANEL(NAME, KIND, &plain)
#define CK_DEFINE_UNIT_PANEL(NAME, KIND, KIND_NAME, WEIGHTS) CK_DEFINE_PANEL(NAME, KIND, &ck_values_##NAME)
CK_PANEL_FORMATS(CK_DEFINE_PLAIN_PANEL)
CK_UNIT_FORMATS(CK_DEFINE_UNIT_PANEL)

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

size_t ck_panel_size_fp8(size_t columns) { return columns / CK_FP8_COLUMNS * CK_FP8_BYTES; }
void ck_unpack_panel_row_fp8(float *out, const void *panel, size_t row, size_t columns) {
    const uint8_t *piece = panel;
    for (size_t k = 0; k < columns; k += CK_FP8_COLUMNS, piece += CK_FP8_BYTES) {
        float d;
        memcpy(&d, piece + sizeof d * row, sizeof d);
        for (size_t i = 0; i < CK_FP8_COLUMNS; i++) out[k + i] = d * ck_fp8_value(piece[64 + i * CK_PANEL_ROWS + row]);
    }
}
