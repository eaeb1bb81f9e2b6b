// Unpacking and packing of the formats whose blocks are read code by code; see ck_units.h.

/// Codes of one block of sixteen rows as a panel has them.
CK_INLINE void pack_codes(uint8_t *restrict codes, uint8_t *restrict high, const ck_unit units[CK_PANEL_ROWS],
                          size_t block, const ck_panel_kind kind) {
    uint8_t turned[CK_PANEL_ROWS * CK_BLOCK];
    rows_of_panel rows;
    for (size_t row = 0; row < CK_PANEL_ROWS; row++) rows.row[row] = units[row].codes + block * CK_BLOCK;
    CK_INTERLEAVE(turned, &rows, 0, CK_BLOCK);
    if (kind.bits == 8) {
        memcpy(codes, turned, sizeof turned);
    } else if (kind.bits <= 3) {
        CK_UNROLL for (int i = 0; i < 2; i++) {
            ck_u8x64 sum = {0};
            CK_UNROLL for (int s = 0; s < 4; s++) sum |= (load(turned + 64 * (i + 2 * s)) & 3) << (2 * s);
            store(codes + 64 * i, sum);
        }
        if (kind.bits == 3) join_bits(high, turned, 2, 1);
    } else {
        CK_UNROLL for (int i = 0; i < 4; i++)
            store(codes + 64 * i, load(turned + 64 * i) | load(turned + 64 * (i + 4)) << 4);
    }
}

/// The scales of `blocks` blocks of one row.
CK_INLINE void pack_unit_scales(uint8_t *restrict scales, uint8_t *restrict mins, const ck_unit *unit, size_t row,
                                size_t blocks, const ck_panel_kind kind) {
    if (kind.super || kind.scale == CK_SCALE_HALF) memcpy(scales + 2 * row, &unit->d, 2);
    if (kind.super && kind.mins) memcpy(scales + 32 + 2 * row, &unit->dmin, 2);
    if (!kind.super && kind.scale == CK_SCALE_HALF && kind.sub < CK_BLOCK) memcpy(scales + 32 + 2 * row, &unit->dmin, 2);
    if (!kind.super && kind.mins) memcpy(mins + 2 * row, &unit->dmin, 2);
    if (kind.sub == CK_SUPER || (!kind.super && kind.scale == CK_SCALE_HALF)) return;
    uint8_t *bytes = kind.super ? mins : scales;
    for (size_t i = 0; i < blocks * CK_BLOCK / (size_t)kind.sub; i++)
        bytes[CK_PANEL_ROWS * i + row] = unit->scales[i];
}

/// Defines, for a format whose blocks in the file have WEIGHTS weights, their unpacking and packing; rows that are missing
/// in a panel are zero.
#define CK_DEFINE_UNITS(NAME, KIND, KIND_NAME, WEIGHTS)                                                             \
    CK_KERNEL void CK_ISA(unpack_##NAME)(float *restrict out, const void *restrict in, size_t n) {                  \
        const ck_##NAME *block = in;                                                                                \
        for (; n >= WEIGHTS; n -= WEIGHTS, out += WEIGHTS, block++) {                                               \
            ck_unit unit;                                                                                           \
            ck_read_##NAME(&unit, block);                                                                           \
            ck_weigh_unit(out, &unit, WEIGHTS, KIND, &ck_values_##NAME);                                            \
        }                                                                                                           \
    }                                                                                                               \
    CK_KERNEL void CK_ISA(pack_panel_##NAME)(void *restrict panel, const void *restrict rows, size_t row_bytes,     \
                                             size_t count, size_t columns) {                                        \
        static const ck_##NAME nothing;                                                                             \
        const size_t each = WEIGHTS / CK_BLOCK, blocks = columns / CK_BLOCK;                                        \
        const size_t parts_each = (KIND).super ? 1 : each;                                                          \
        const ck_panel_parts parts = ck_panel_layout(KIND, blocks);                                                 \
        uint8_t *out = panel;                                                                                       \
        ck_unit units[CK_PANEL_ROWS];                                                                               \
        for (size_t number = 0; number < blocks / each; number++) {                                                 \
            uint8_t *scales = out + parts.scales + number * parts_each * ck_panel_scale_bytes(KIND);                \
            uint8_t *mins = out + parts.mins + number * parts_each * ck_panel_min_bytes(KIND);                      \
            for (size_t row = 0; row < CK_PANEL_ROWS; row++) {                                                      \
                const ck_##NAME *block = row < count ? (const ck_##NAME *)((const uint8_t *)rows + row * row_bytes) \
                                                           + number : &nothing;                                     \
                ck_read_##NAME(&units[row], block);                                                                 \
                pack_unit_scales(scales, mins, &units[row], row, each, KIND);                                       \
            }                                                                                                       \
            for (size_t b = 0; b < each; b++)                                                                       \
                pack_codes(out + (number * each + b) * ck_panel_code_bytes(KIND),                                   \
                           out + parts.high + (number * each + b) * ck_panel_high_bytes(KIND), units, b, KIND);     \
        }                                                                                                           \
        memset(out + parts.end, 0, ck_panel_bytes(parts) - parts.end);                                              \
    }
CK_UNIT_FORMATS(CK_DEFINE_UNITS)
