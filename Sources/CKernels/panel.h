// Quantised weights packed for multiplication; not part of the interface.
//
// A panel holds CK_PANEL_ROWS = 16 rows of a matrix, interleaved so that a vector register holds the same four columns
// of all sixteen rows: byte 4 r + c of a vector of codes is row r, column c of the group. One block of activations then
// serves sixteen dots, sums stay in the lanes of their rows, and scales apply to whole vectors. (Where instructions take
// more columns (ck_isa.panel_columns), as many groups share their vectors: with eight, the first of two vectors has both
// groups of rows 0 … 7, byte 8 r + c, and the second those of rows 8 … 15.) A panel takes the bytes of its rows in
// the file format, rounded up to a cache line, or a few more where the file has scales of fewer bits than a byte or codes of
// several weights at once; every kind has the same four parts:
//
//   codes   per block of 32 columns: 4 vectors of nibbles (vector j: group j in the low, group j + 4 in the high half),
//           8 vectors of bytes, or 2 vectors of pairs of bits, of which those from bit 2 s up of vector j are of group j + 2 s
//   high    the bits above these: 3-bit and 5-bit codes: one vector a block, whose bit i belongs to group i;
//           6-bit codes: two, whose bits 2 (i mod 4) and up of vector i / 4 belong to group i
//   scales  plain formats: for each block, d[16] in half precision, or in bytes of E8M0, or of E4M3 for either half of the
//           block; with super-blocks: for each of 8 blocks, d[16] (half precision), with dmin[16] behind it where there are
//           mins
//   mins    plain formats: for each block, m[16]; Q4_K, Q5_K: for each super-block 12 vectors of 16 bytes: the
//           six-bit scales 0…7, then mins 0…3; the two upper bits of vectors j, 4 + j and 8 + j are min 4 + j, from
//           its lowest bits up; other super-blocks: a vector for each scale, which is signed, or in Q2_K a nibble with the
//           min above it
#ifndef CK_PANEL_H
#define CK_PANEL_H

#include "ck_blocks.h"
#include "ck_internal.h"

typedef float ck_f32x16 __attribute__((vector_size(64)));
typedef int32_t ck_i32x16 __attribute__((vector_size(64)));
typedef uint32_t ck_u32x16 __attribute__((vector_size(64)));
typedef uint16_t ck_u16x16 __attribute__((vector_size(32)));
typedef uint8_t ck_u8x64 __attribute__((vector_size(64)));
typedef uint8_t ck_u8x16 __attribute__((vector_size(16)));
typedef int8_t ck_i8x16 __attribute__((vector_size(16)));
typedef _Float16 ck_f16x16 __attribute__((vector_size(32)));

/// How the scale of a block is written: half precision, a power of two (E8M0), or E4M3 without sign.
typedef enum { CK_SCALE_HALF, CK_SCALE_POWER, CK_SCALE_E4M3 } ck_scale_form;

/// The traits of a kind of panels. They are constants at every use, so that the compiler drops what a kind lacks.
typedef struct {
    /// Bits of a code.
    int bits;
    /// Columns that share a scale: 16, 32, or all of a super-block.
    int sub;
    /// 1 when scales stand in super-blocks of eight blocks.
    int super;
    /// 1 when blocks have an offset of their own; otherwise codes are centred.
    int mins;
    /// The form of scales that stand in no super-block.
    ck_scale_form scale;
    /// Where codes stand for the values of a table: 8 for signed bytes, and 5 for those of E2M1, doubled, above −12.
    int values;
} ck_panel_kind;

#define CK_KIND_Q8_0 ((ck_panel_kind){.bits = 8, .sub = 32})
#define CK_KIND_Q4_0 ((ck_panel_kind){.bits = 4, .sub = 32})
#define CK_KIND_Q4_1 ((ck_panel_kind){.bits = 4, .sub = 32, .mins = 1})
#define CK_KIND_Q5_0 ((ck_panel_kind){.bits = 5, .sub = 32})
#define CK_KIND_Q5_1 ((ck_panel_kind){.bits = 5, .sub = 32, .mins = 1})
#define CK_KIND_Q4_K ((ck_panel_kind){.bits = 4, .sub = 32, .super = 1, .mins = 1})
#define CK_KIND_Q5_K ((ck_panel_kind){.bits = 5, .sub = 32, .super = 1, .mins = 1})
#define CK_KIND_Q6_K ((ck_panel_kind){.bits = 6, .sub = 16, .super = 1})

/// X(lower-case name, kind) for every format that is packed as its blocks lie in the file, Kernels/pack.h.
#define CK_PANEL_FORMATS(X)                                                                    \
    X(q8_0, CK_KIND_Q8_0) X(q4_0, CK_KIND_Q4_0) X(q4_1, CK_KIND_Q4_1) X(q5_0, CK_KIND_Q5_0)    \
    X(q5_1, CK_KIND_Q5_1) X(q4_k, CK_KIND_Q4_K) X(q5_k, CK_KIND_Q5_K) X(q6_k, CK_KIND_Q6_K)

// Kinds of panels of the other formats, which are packed code by code: Kernels/pack_units.h.
#define CK_KIND_SUPER_2 ((ck_panel_kind){.bits = 2, .sub = 16, .super = 1, .mins = 1})
#define CK_KIND_SUPER_3 ((ck_panel_kind){.bits = 3, .sub = 16, .super = 1})
#define CK_KIND_VALUES_4 ((ck_panel_kind){.bits = 4, .sub = 32, .values = 8})
#define CK_KIND_SUPER_VALUES_4 ((ck_panel_kind){.bits = 4, .sub = 32, .super = 1, .values = 8})
#define CK_KIND_SUPER_VALUES_3 ((ck_panel_kind){.bits = 3, .sub = 16, .super = 1, .values = 8})
#define CK_KIND_TERNARY ((ck_panel_kind){.bits = 2, .sub = CK_SUPER, .super = 1})
#define CK_KIND_E2M1_POWER ((ck_panel_kind){.bits = 4, .sub = 32, .scale = CK_SCALE_POWER, .values = 5})
#define CK_KIND_E2M1_E4M3 ((ck_panel_kind){.bits = 4, .sub = 16, .scale = CK_SCALE_E4M3, .values = 5})

#define CK_KIND_E2M1_HALF ((ck_panel_kind){.bits = 4, .sub = 16, .values = 5})
#define CK_KIND_MINS_8 ((ck_panel_kind){.bits = 8, .sub = 32, .mins = 1})

/// X(name, kind) for each of them: a product of its own.
#define CK_UNIT_KINDS(X)                                                                                       \
    X(super_2, CK_KIND_SUPER_2) X(super_3, CK_KIND_SUPER_3) X(values_4, CK_KIND_VALUES_4)                      \
    X(super_values_4, CK_KIND_SUPER_VALUES_4) X(e2m1_power, CK_KIND_E2M1_POWER) X(e2m1_e4m3, CK_KIND_E2M1_E4M3) \
    X(ternary, CK_KIND_TERNARY) X(super_values_3, CK_KIND_SUPER_VALUES_3) X(e2m1_half, CK_KIND_E2M1_HALF)      \
    X(mins_8, CK_KIND_MINS_8)

/// X(lower-case name, kind, its name, weights of a block in the file) for the formats.
#define CK_UNIT_FORMATS(X)                                                                                     \
    X(q2_k, CK_KIND_SUPER_2, super_2, 256) X(q3_k, CK_KIND_SUPER_3, super_3, 256)                              \
    X(iq4_nl, CK_KIND_VALUES_4, values_4, 32) X(iq4_xs, CK_KIND_SUPER_VALUES_4, super_values_4, 256)           \
    X(mxfp4, CK_KIND_E2M1_POWER, e2m1_power, 32) X(nvfp4, CK_KIND_E2M1_E4M3, e2m1_e4m3, 64)                    \
    X(tq1_0, CK_KIND_TERNARY, ternary, 256) X(tq2_0, CK_KIND_TERNARY, ternary, 256)                            \
    X(iq2_xxs, CK_KIND_SUPER_VALUES_3, super_values_3, 256) X(iq2_xs, CK_KIND_SUPER_VALUES_3, super_values_3, 256) \
    X(iq2_s, CK_KIND_SUPER_VALUES_3, super_values_3, 256) X(iq3_xxs, CK_KIND_SUPER_VALUES_4, super_values_4, 256) \
    X(iq3_s, CK_KIND_SUPER_VALUES_4, super_values_4, 256) X(iq1_s, CK_KIND_SUPER_VALUES_3, super_values_3, 256) \
    X(iq1_m, CK_KIND_SUPER_VALUES_3, super_values_3, 256) X(fp4, CK_KIND_E2M1_HALF, e2m1_half, 32)             \
    X(i8_1, CK_KIND_MINS_8, mins_8, 32)

/// Bytes of a block, or of a super-block, in the file, of CK_PANEL_FORMATS.
CK_INLINE size_t ck_block_bytes(ck_panel_kind kind) {
    if (kind.super) return kind.bits == 4 ? sizeof(ck_q4_k) : kind.bits == 5 ? sizeof(ck_q5_k) : sizeof(ck_q6_k);
    size_t least = kind.bits == 8 ? sizeof(ck_q8_0) : sizeof(ck_q4_0);
    return least + (kind.mins ? 2 : 0) + (kind.bits == 5 ? 4 : 0);
}

/// Bits of what is multiplied with, the codes or what they stand for; eight bits are signed, fewer are not.
CK_INLINE int ck_panel_width(ck_panel_kind kind) { return kind.values ? kind.values : kind.bits; }

/// Of what is multiplied with, the one that stands for zero where that is centred; eight bits become unsigned by adding it.
CK_INLINE int ck_panel_centre(ck_panel_kind kind) {
    if (kind.mins && kind.bits < 8) return 0;
    return kind.values == 5 ? 12 : kind.bits == 2 ? 1 : 1 << (ck_panel_width(kind) - 1);
}

/// Where the parts of a panel of `blocks` blocks begin.
typedef struct {
    size_t high, scales, mins, end;
} ck_panel_parts;

CK_INLINE size_t ck_panel_code_bytes(ck_panel_kind kind) { return kind.bits == 8 ? 512 : kind.bits <= 3 ? 128 : 256; }
/// Bits of a code that stand apart from the others.
CK_INLINE int ck_panel_high_bits(ck_panel_kind kind) {
    return kind.bits == 6 ? 2 : kind.bits == 5 || kind.bits == 3 ? 1 : 0;
}
CK_INLINE size_t ck_panel_high_bytes(ck_panel_kind kind) { return 64 * (size_t)ck_panel_high_bits(kind); }
/// Bytes of the scales of a block or super-block.
CK_INLINE size_t ck_panel_scale_bytes(ck_panel_kind kind) {
    if (kind.super) return kind.mins ? 64 : 32;
    return (kind.scale == CK_SCALE_HALF ? 2 : 1) * CK_PANEL_ROWS * (size_t)(CK_BLOCK / kind.sub);
}
/// Bytes of the scales of sixteen rows that stand in no super-block, for the columns of one of them.
CK_INLINE size_t ck_panel_scale_step(ck_panel_kind kind) { return kind.scale == CK_SCALE_HALF ? 32 : 16; }
/// Bytes of the mins of a block, or of the small scales of a super-block.
CK_INLINE size_t ck_panel_min_bytes(ck_panel_kind kind) {
    if (!kind.super) return kind.mins ? 32 : 0;
    if (kind.sub == CK_SUPER) return 0;
    return kind.mins && kind.sub == CK_BLOCK ? 192 : CK_PANEL_ROWS * (size_t)(CK_SUPER / kind.sub);
}

CK_INLINE ck_panel_parts ck_panel_layout(ck_panel_kind kind, size_t blocks) {
    size_t units = kind.super ? blocks / 8 : blocks;
    ck_panel_parts parts;
    parts.high = blocks * ck_panel_code_bytes(kind);
    parts.scales = parts.high + blocks * ck_panel_high_bytes(kind);
    parts.mins = parts.scales + units * ck_panel_scale_bytes(kind);
    parts.end = parts.mins + units * ck_panel_min_bytes(kind);
    return parts;
}

/// Bytes from one panel to the next.
CK_INLINE size_t ck_panel_bytes(ck_panel_parts parts) { return (parts.end + 63) & ~(size_t)63; }

/// Where a column of a row stands among those of sixteen rows, of which `together` of a row stand together: numbers, bytes of
/// codes, and bytes of nibbles of columns k and k + 16.
CK_INLINE size_t ck_panel_place(size_t row, size_t column, size_t together) {
    return (column - column % together) * CK_PANEL_ROWS + row * together + column % together;
}

/// Columns of a piece of a panel of FP8, which share a row's scale, and its bytes.
#define CK_FP8_COLUMNS ((size_t)(2 * CK_BLOCK))
#define CK_FP8_BYTES (CK_PANEL_ROWS * (sizeof(float) + CK_FP8_COLUMNS))

/// The number of an E4M3 code. There are no infinities, and codes of what is no number do not occur.
CK_INLINE float ck_fp8_value(uint8_t code) {
    const uint32_t bits = (uint32_t)(code & 0x80) << 24 | (uint32_t)(code & 0x7f) << 20;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value * 0x1p120f;
}

/// Bytes from one panel of floating-point weights to the next.
CK_INLINE size_t ck_float_panel_bytes(size_t columns, size_t value_bytes) {
    return (columns * CK_PANEL_ROWS * value_bytes + 63) & ~(size_t)63;
}

#endif
