// Quantised weights packed for multiplication; not part of the interface.
//
// A panel holds CK_PANEL_ROWS = 16 rows of a matrix, interleaved so that a vector register holds the same four columns
// of all sixteen rows: byte 4 r + c of a vector of codes is row r, column c of the group. One block of activations then
// serves sixteen dots, sums stay in the lanes of their rows, and scales apply to whole vectors. (Where instructions take
// more columns (ck_isa.panel_columns), as many groups share their vectors: with eight, the first of two vectors has both
// groups of rows 0 … 7, byte 8 r + c, and the second those of rows 8 … 15.) A panel takes exactly the bytes of its rows in
// the file format, rounded up to a cache line; every format has the same four parts:
//
//   codes   per block of 32 columns: 4 vectors of nibbles (vector j: group j in the low, group j + 4 in the high half),
//           or 8 vectors of bytes
//   high    the bits above the nibble: 5-bit codes: one vector a block, whose bit i belongs to group i;
//           6-bit codes: two, whose bits 2 (i mod 4) and up of vector i / 4 belong to group i
//   scales  plain formats: for each block, d[16]; K formats: for each super-block of 8 blocks, d[16]
//           (half precision), with dmin[16] behind it where the format has mins
//   mins    plain formats: for each block, m[16]; Q4_K, Q5_K: for each super-block 12 vectors of 16 bytes: the
//           six-bit scales 0…7, then mins 0…3; the two upper bits of vectors j, 4 + j and 8 + j are min 4 + j, from
//           its lowest bits up; Q6_K: sixteen vectors of signed scales
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

/// The traits of a packed format. They are constants at every use, so that the compiler drops what a format lacks.
typedef struct {
    /// Bits of a code.
    int bits;
    /// 1 when scales stand in super-blocks of eight blocks.
    int super;
    /// 1 when blocks have an offset of their own; otherwise codes are centred.
    int mins;
} ck_panel_kind;

#define CK_KIND_Q8_0 ((ck_panel_kind){8, 0, 0})
#define CK_KIND_Q4_0 ((ck_panel_kind){4, 0, 0})
#define CK_KIND_Q4_1 ((ck_panel_kind){4, 0, 1})
#define CK_KIND_Q5_0 ((ck_panel_kind){5, 0, 0})
#define CK_KIND_Q5_1 ((ck_panel_kind){5, 0, 1})
#define CK_KIND_Q4_K ((ck_panel_kind){4, 1, 1})
#define CK_KIND_Q5_K ((ck_panel_kind){5, 1, 1})
#define CK_KIND_Q6_K ((ck_panel_kind){6, 1, 0})

/// X(lower-case name, kind) for every packed format.
#define CK_PANEL_FORMATS(X)                                                                    \
    X(q8_0, CK_KIND_Q8_0) X(q4_0, CK_KIND_Q4_0) X(q4_1, CK_KIND_Q4_1) X(q5_0, CK_KIND_Q5_0)    \
    X(q5_1, CK_KIND_Q5_1) X(q4_k, CK_KIND_Q4_K) X(q5_k, CK_KIND_Q5_K) X(q6_k, CK_KIND_Q6_K)

/// Bytes of a block, or of a super-block, in the file.
CK_INLINE size_t ck_block_bytes(ck_panel_kind kind) {
    if (kind.super) return kind.bits == 4 ? sizeof(ck_q4_k) : kind.bits == 5 ? sizeof(ck_q5_k) : sizeof(ck_q6_k);
    size_t least = kind.bits == 8 ? sizeof(ck_q8_0) : sizeof(ck_q4_0);
    return least + (kind.mins ? 2 : 0) + (kind.bits == 5 ? 4 : 0);
}

/// Where the parts of a panel of `blocks` blocks begin.
typedef struct {
    size_t high, scales, mins, end;
} ck_panel_parts;

CK_INLINE size_t ck_panel_code_bytes(ck_panel_kind kind) { return kind.bits == 8 ? 512 : 256; }
CK_INLINE size_t ck_panel_high_bytes(ck_panel_kind kind) { return kind.bits == 5 ? 64 : kind.bits == 6 ? 128 : 0; }
/// Bytes of the scales of a block or super-block.
CK_INLINE size_t ck_panel_scale_bytes(ck_panel_kind kind) { return kind.super && kind.mins ? 64 : 32; }
/// Bytes of the mins of a block, or of the small scales of a super-block.
CK_INLINE size_t ck_panel_min_bytes(ck_panel_kind kind) {
    return kind.super ? (kind.mins ? 192 : 256) : (kind.mins ? 32 : 0);
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

/// The code that stands for zero where codes are centred.
CK_INLINE int ck_panel_centre(ck_panel_kind kind) { return kind.mins ? 0 : 1 << (kind.bits - 1); }

/// Where a column of a row stands among those of sixteen rows, of which `together` of a row stand together: numbers, bytes of
/// codes, and bytes of nibbles of columns k and k + 16.
CK_INLINE size_t ck_panel_place(size_t row, size_t column, size_t together) {
    return (column - column % together) * CK_PANEL_ROWS + row * together + column % together;
}

/// Bytes from one panel of floating-point weights to the next.
CK_INLINE size_t ck_float_panel_bytes(size_t columns, size_t value_bytes) {
    return (columns * CK_PANEL_ROWS * value_bytes + 63) & ~(size_t)63;
}

#endif
