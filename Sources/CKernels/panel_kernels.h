// Products of panels with a few rows of activations, written once for every instruction set.
//
// Included by panel_*.c, each of which defines before:
//   CK_ISA(name)   its own spelling of a name
//   CK_TOKENS      rows of activations that its registers hold sums for: 8 or 4
//   CK_ISA(dots)   integer dots of codes with activations, see panel_plain.c
// All arithmetic in here is on whole vectors of sixteen lanes, a lane a row of weights, which the compiler splits where
// registers are narrower. Per output, blocks are added in order in single precision, whatever the number of rows of
// activations: a row's result never depends on the others.
#include "panel.h"

// Vectors wider than the machine's registers have no agreed way to be passed; everything here is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

/// Codes of a block: group i of four columns, sixteen rows.
typedef struct {
    ck_u8x64 group[8];
} CK_ISA(codes);

CK_INLINE ck_u8x64 CK_ISA(load)(const uint8_t *p) {
    ck_u8x64 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE ck_f32x16 CK_ISA(load_f16)(const uint8_t *p) {
    ck_f16x16 v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, ck_f32x16);
}

CK_INLINE ck_u8x16 CK_ISA(load_bytes)(const uint8_t *p) {
    ck_u8x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE CK_ISA(codes) CK_ISA(decode)(ck_panel_kind kind, const uint8_t *codes, const uint8_t *high) {
    CK_ISA(codes) w;
    if (kind.bits == 8) {
        for (int i = 0; i < 8; i++) w.group[i] = CK_ISA(load)(codes + 64 * i);
        return w;
    }
    for (int i = 0; i < 4; i++) {
        ck_u8x64 pair = CK_ISA(load)(codes + 64 * i);
        w.group[i] = pair & 15;
        w.group[i + 4] = pair >> 4;
    }
    if (kind.bits == 5) {
        ck_u8x64 bits = CK_ISA(load)(high);
        for (int i = 0; i < 4; i++) w.group[i] |= (bits << (4 - i)) & 16;
        for (int i = 4; i < 8; i++) w.group[i] |= (bits >> (i - 4)) & 16;
    }
    if (kind.bits == 6) {
        for (int h = 0; h < 2; h++) {
            ck_u8x64 bits = CK_ISA(load)(high + 64 * h);
            w.group[4 * h] |= (bits << 4) & 48;
            w.group[4 * h + 1] |= (bits << 2) & 48;
            w.group[4 * h + 2] |= bits & 48;
            w.group[4 * h + 3] |= (bits >> 2) & 48;
        }
    }
    return w;
}

/// sum[t] += scale · d[t] · (dot[t] − centre · Σ codes of x[t]), for one block.
CK_INLINE void CK_ISA(add_block)(ck_f32x16 *sum, ck_panel_kind kind, const uint8_t *codes, const uint8_t *high,
                                 ck_f32x16 scale, ck_f32x16 min, const ck_activations *x, size_t x_stride,
                                 const int tokens) {
    CK_FAST
    CK_ISA(codes) w = CK_ISA(decode)(kind, codes, high);
    ck_i32x16 dot[CK_TOKENS];
    CK_ISA(dots)(dot, w.group, 0, 8, kind.bits, ck_panel_centre(kind), x, x_stride, tokens);
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        const ck_activations *row = x + (size_t)t * x_stride;
        sum[t] += (scale * row->d) * __builtin_convertvector(dot[t], ck_f32x16);
        if (kind.mins) sum[t] += min * row->sum;
    }
}

/// The same for Q6_K, whose halves of a block have scales of their own.
CK_INLINE void CK_ISA(add_halves)(ck_f32x16 *sum, ck_panel_kind kind, const uint8_t *codes, const uint8_t *high,
                                  ck_f32x16 low_scale, ck_f32x16 high_scale, const ck_activations *x, size_t x_stride,
                                  const int tokens) {
    CK_FAST
    CK_ISA(codes) w = CK_ISA(decode)(kind, codes, high);
    ck_i32x16 low[CK_TOKENS], top[CK_TOKENS];
    CK_ISA(dots)(low, w.group, 0, 4, kind.bits, ck_panel_centre(kind), x, x_stride, tokens);
    CK_ISA(dots)(top, w.group, 4, 4, kind.bits, ck_panel_centre(kind), x, x_stride, tokens);
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        const ck_activations *row = x + (size_t)t * x_stride;
        sum[t] += (low_scale * row->d) * __builtin_convertvector(low[t], ck_f32x16);
        sum[t] += (high_scale * row->d) * __builtin_convertvector(top[t], ck_f32x16);
    }
}

/// Scales and mins of the eight blocks of a super-block of Q4_K or Q5_K.
CK_INLINE void CK_ISA(unpack_scales)(ck_f32x16 scale[8], ck_f32x16 min[8], const uint8_t *d, const uint8_t *small) {
    ck_f32x16 factor = CK_ISA(load_f16)(d), offset = -CK_ISA(load_f16)(d + 32);
    ck_u8x16 upper[4] = {0};
    for (int i = 0; i < 12; i++) {
        ck_u8x16 v = CK_ISA(load_bytes)(small + 16 * i);
        ck_f32x16 value = __builtin_convertvector(v & 63, ck_f32x16);
        if (i < 8) scale[i] = factor * value;
        else min[i - 8] = offset * value;
        upper[i / 3] |= (v >> 6) << (2 * (i % 3));
    }
    for (int i = 0; i < 4; i++) min[4 + i] = offset * __builtin_convertvector(upper[i], ck_f32x16);
}

/// out[t][r] = Σ over blocks, for one panel and `tokens` rows of activations.
CK_INLINE void CK_ISA(tile)(float *out, size_t out_stride, const ck_activations *x, size_t x_stride,
                            const uint8_t *panel, size_t rows, size_t blocks, ck_panel_kind kind, const int tokens) {
    ck_panel_parts parts = ck_panel_layout(kind, blocks);
    const uint8_t *codes = panel, *high = panel + parts.high;
    const uint8_t *scales = panel + parts.scales, *mins = panel + parts.mins;
    size_t code_bytes = ck_panel_code_bytes(kind), high_bytes = ck_panel_high_bytes(kind);
    ck_f32x16 sum[CK_TOKENS];
    ck_f32x16 none = {0};
    CK_UNROLL for (int t = 0; t < tokens; t++) sum[t] = none;
    for (size_t b = 0; b < blocks; b += kind.super ? 8 : 1) {
        if (!kind.super) {
            if (tokens == 1)
                for (size_t i = 0; i < code_bytes; i += 64) __builtin_prefetch(codes + CK_AHEAD + i);
            ck_f32x16 min = kind.mins ? CK_ISA(load_f16)(mins) : none;
            CK_ISA(add_block)(sum, kind, codes, high, CK_ISA(load_f16)(scales), min, x + b, x_stride, tokens);
            codes += code_bytes;
            high += high_bytes;
        } else {
            ck_f32x16 scale[16], min[8];
            if (kind.mins) {
                CK_ISA(unpack_scales)(scale, min, scales, mins);
            } else {
                ck_f32x16 factor = CK_ISA(load_f16)(scales);
                for (int i = 0; i < 16; i++) {
                    ck_i8x16 v = (ck_i8x16)CK_ISA(load_bytes)(mins + 16 * i);
                    scale[i] = factor * __builtin_convertvector(v, ck_f32x16);
                }
            }
            for (size_t i = 0; i < 8; i++) {
                if (tokens == 1)
                    for (size_t j = 0; j < code_bytes; j += 64) __builtin_prefetch(codes + CK_AHEAD + j);
                if (kind.mins)
                    CK_ISA(add_block)(sum, kind, codes, high, scale[i], min[i], x + b + i, x_stride, tokens);
                else
                    CK_ISA(add_halves)(sum, kind, codes, high, scale[2 * i], scale[2 * i + 1], x + b + i, x_stride,
                                       tokens);
                codes += code_bytes;
                high += high_bytes;
            }
        }
        scales += ck_panel_scale_bytes(kind);
        mins += ck_panel_min_bytes(kind);
    }
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        if (rows == CK_PANEL_ROWS) memcpy(out + (size_t)t * out_stride, &sum[t], sizeof sum[t]);
        else memcpy(out + (size_t)t * out_stride, &sum[t], rows * sizeof(float));
    }
}

#define CK_DEFINE_PRODUCT(NAME, KIND)                                                                              \
    static void CK_ISA(NAME)(float *out, size_t out_stride, const ck_activations *x, size_t x_stride,              \
                             const void *panels, size_t rows, size_t blocks, size_t m) {                           \
        size_t panel_bytes = ck_panel_bytes(ck_panel_layout(KIND, blocks));                                        \
        for (size_t row = 0; row < rows; row += CK_PANEL_ROWS) {                                                   \
            const uint8_t *panel = (const uint8_t *)panels + row / CK_PANEL_ROWS * panel_bytes;                    \
            size_t count = rows - row < CK_PANEL_ROWS ? rows - row : CK_PANEL_ROWS;                                \
            size_t t = 0;                                                                                          \
            if (CK_TOKENS == 8)                                                                                    \
                for (; t + 8 <= m; t += 8)                                                                         \
                    CK_ISA(tile)(out + t * out_stride + row, out_stride, x + t * x_stride, x_stride, panel, count, \
                                 blocks, KIND, CK_TOKENS);                                                         \
            for (; t + 4 <= m; t += 4)                                                                             \
                CK_ISA(tile)(out + t * out_stride + row, out_stride, x + t * x_stride, x_stride, panel, count,     \
                             blocks, KIND, 4);                                                                     \
            for (; t + 2 <= m; t += 2)                                                                             \
                CK_ISA(tile)(out + t * out_stride + row, out_stride, x + t * x_stride, x_stride, panel, count,     \
                             blocks, KIND, 2);                                                                     \
            for (; t < m; t++)                                                                                     \
                CK_ISA(tile)(out + t * out_stride + row, out_stride, x + t * x_stride, x_stride, panel, count,     \
                             blocks, KIND, 1);                                                                     \
        }                                                                                                          \
    }
CK_PANEL_FORMATS(CK_DEFINE_PRODUCT)

#define CK_ENTRY(NAME, KIND) .NAME = CK_ISA(NAME),
const ck_panel_products CK_ISA(ck_panel) = {CK_PANEL_FORMATS(CK_ENTRY)};
