// NEON with its dot product and its products of small matrices of bytes (Armv8.6).
#if defined(__aarch64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("dotprod,i8mm")

#define CK_ISA(NAME) NAME##_neon_i8mm
#define CK_TOKENS 4
#define CK_PANEL_COLUMNS 8

#include "Kernels/look_up.h"

/// One row of activations: a register holds eight columns of two rows of weights, whose `sdot` leaves two sums a row.
CK_INLINE void dots_of_one(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count, int32_t start,
                           const ck_activations *row) {
    int32x4_t sum[8];
    CK_UNROLL for (int r = 0; r < 8; r++) sum[r] = vdupq_n_s32(0);
    CK_UNROLL for (int i = first; i < first + count; i += 2) {
        int8x8_t eight = vld1_s8(row->q + 4 * i);
        int8x16_t q = vcombine_s8(eight, eight);
        CK_UNROLL for (int r = 0; r < 8; r++) {
            int8x16_t codes;
            memcpy(&codes, (const char *)&group[i] + 16 * r, sizeof codes);
            sum[r] = vdotq_s32(sum[r], codes, q);
        }
    }
    int32x4_t rows[4];
    CK_UNROLL for (int r = 0; r < 4; r++)
        rows[r] = vaddq_s32(vpaddq_s32(sum[2 * r], sum[2 * r + 1]), vdupq_n_s32(start));
    memcpy(dot, rows, sizeof rows);
}

/// See isa_plain.c; two groups of four columns lie together as eight. `smmla` adds the products of two
/// rows of weights with two rows of activations, eight columns of each: half as many instructions as `sdot` takes. The sums
/// are exact, so that a row of activations without a second one comes to the same. (For 32 columns of a panel and four rows
/// of activations, 270 instructions of Q8_0 and 301 of Q4_K; with `sdot` 412 and 511.)
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count, const int bits,
                    const int centre, const ck_activations *x, const int tokens) {
    int32_t start[CK_TOKENS];
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        const int32_t *sums = x[(size_t)t * CK_CHUNK].half;
        start[t] = bits == 8 ? 0 : -centre * (count == 8 ? sums[0] + sums[1] : sums[first / 4]);
    }
    CK_UNROLL for (int t = 0; t + 1 < tokens; t += 2) {
        const int8_t *q[2] = {x[(size_t)t * CK_CHUNK].q, x[(size_t)(t + 1) * CK_CHUNK].q};
        // Sums of two rows of weights with two of activations: first row, second row.
        int32x4_t sum[8], begin = vcombine_s32(vld1_s32(start + t), vld1_s32(start + t));
        CK_UNROLL for (int r = 0; r < 8; r++) sum[r] = begin;
        CK_UNROLL for (int i = first; i < first + count; i += 2) {
            int8x16_t pair = vcombine_s8(vld1_s8(q[0] + 4 * i), vld1_s8(q[1] + 4 * i));
            CK_UNROLL for (int r = 0; r < 8; r++) {
                int8x16_t codes;
                memcpy(&codes, (const char *)&group[i] + 16 * r, sizeof codes);
                sum[r] = vmmlaq_s32(sum[r], codes, pair);
            }
        }
        int32x4_t rows[2][4];
        CK_UNROLL for (int r = 0; r < 4; r++) {
            rows[0][r] = vuzp1q_s32(sum[2 * r], sum[2 * r + 1]);
            rows[1][r] = vuzp2q_s32(sum[2 * r], sum[2 * r + 1]);
        }
        memcpy(&dot[t], rows[0], sizeof rows[0]);
        memcpy(&dot[t + 1], rows[1], sizeof rows[1]);
    }
    if (tokens % 2)
        dots_of_one(&dot[tokens - 1], group, first, count, start[tokens - 1], x + (size_t)(tokens - 1) * CK_CHUNK);
}

#define CK_WIDE 6
#define CK_REGISTER int32x4_t
#define CK_LANE_PRODUCTS 8

CK_INLINE int32x4_t dot_bytes(int32x4_t sum, int32x4_t a, int32x4_t b) {
    return vmmlaq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

#include "Kernels/all.h"

CK_END_TARGET

static int is_available(void) { return ck_has_dotprod() && ck_has_i8mm(); }

const ck_isa CK_ISA(ck_isa) = {
    .name = "neon-i8mm", .is_available = is_available, .panel_columns = CK_PANEL_COLUMNS, .tile_rows = CK_TOKENS,
    CK_KERNEL_ENTRIES};
#endif
