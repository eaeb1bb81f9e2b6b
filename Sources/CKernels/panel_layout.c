// Layouts of panels: what they differ in is how many columns of a row stand together (panel.h).
#include "isa.h"

size_t ck_panel_columns(size_t number_bytes) {
    if (number_bytes == 0) return ck_chosen.panel_columns;
    return number_bytes == 2 && ck_splits_activations() ? 2 : 1;
}

/// Moves `columns` columns of sixteen rows, of `bytes` bytes each, of which `unit` stand together in both layouts.
CK_INLINE void turn(uint8_t *restrict out, size_t to, const uint8_t *restrict in, size_t from, size_t columns,
                    const size_t unit, const size_t bytes) {
    for (size_t k = 0; k < columns; k += unit)
        for (size_t row = 0; row < CK_PANEL_ROWS; row++)
            memcpy(out + ck_panel_place(row, k, to) * bytes, in + ck_panel_place(row, k, from) * bytes,
                   unit * bytes);
}

/// Quantised weights have four columns together, or eight.
enum { codes_together = 4 };

/// The bits that stand apart, `bits` of each code: a byte each meanwhile.
CK_INLINE void turn_high(uint8_t *out, size_t to, const uint8_t *in, size_t from, const int bits) {
    uint8_t apart[CK_PANEL_ROWS * CK_BLOCK], turned[sizeof apart];
    const int groups = 8 / bits;
    for (int group = 0; group < 8; group++)
        for (int i = 0; i < 64; i++)
            apart[64 * group + i] = (in[64 * (group / groups) + i] >> (bits * (group % groups))) & ((1 << bits) - 1);
    turn(turned, to, apart, from, CK_BLOCK, codes_together, 1);
    memset(out, 0, 64 * (size_t)bits);
    for (int group = 0; group < 8; group++)
        for (int i = 0; i < 64; i++)
            out[64 * (group / groups) + i] |= (uint8_t)(turned[64 * group + i] << (bits * (group % groups)));
}

CK_INLINE void turn_panel(uint8_t *restrict out, size_t to, const uint8_t *restrict panel, size_t from, size_t blocks,
                          const ck_panel_kind kind) {
    const ck_panel_parts parts = ck_panel_layout(kind, blocks);
    const size_t code_bytes = ck_panel_code_bytes(kind), high_bytes = ck_panel_high_bytes(kind);
    for (size_t b = 0; b < blocks; b++) {
        // Codes that share a byte move together.
        turn(out + b * code_bytes, to, panel + b * code_bytes, from, code_bytes / CK_PANEL_ROWS, codes_together, 1);
        const size_t high = parts.high + b * high_bytes;
        if (high_bytes > 0) turn_high(out + high, to, panel + high, from, ck_panel_high_bits(kind));
    }
    memcpy(out + parts.scales, panel + parts.scales, ck_panel_bytes(parts) - parts.scales);
}

#define CK_DEFINE_TURN(NAME, KIND)                                                                            \
    void ck_turn_panel_##NAME(void *out, size_t to, const void *panel, size_t from, size_t columns) {         \
        turn_panel(out, to, panel, from, columns / CK_BLOCK, KIND);                                           \
    }
#define CK_DEFINE_UNIT_TURN(NAME, KIND, KIND_NAME, WEIGHTS) CK_DEFINE_TURN(NAME, KIND)
CK_PANEL_FORMATS(CK_DEFINE_TURN)
CK_UNIT_FORMATS(CK_DEFINE_UNIT_TURN)

#define CK_DEFINE_FLOAT_TURN(NAME, BYTES)                                                                     \
    void ck_turn_panel_##NAME(void *out, size_t to, const void *panel, size_t from, size_t columns) {         \
        memset(out, 0, ck_float_panel_bytes(columns, BYTES));                                                 \
        turn(out, to, panel, from, columns, 1, BYTES);                                                        \
    }
CK_DEFINE_FLOAT_TURN(f32, 4)
CK_DEFINE_FLOAT_TURN(f16, 2)
CK_DEFINE_FLOAT_TURN(bf16, 2)

/// All layouts are the same.
void ck_turn_panel_fp8(void *out, size_t to, const void *panel, size_t from, size_t columns) {
    (void)to, (void)from;
    memcpy(out, panel, columns / CK_FP8_COLUMNS * CK_FP8_BYTES);
}
