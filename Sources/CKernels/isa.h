// The table of instruction sets: what each has to say, and the one that kernels run with. Not part of the interface.
//
// An instruction set is a file isa_*.c, which includes every kernel (Kernels/all.h) for its target and makes a row of them,
// and the row's name in the list of isa.c. A set that adds to another names that one, and has the kernels that differ.
#ifndef CK_ISA_H
#define CK_ISA_H

#include "ck_codes.h"
#include "ck_fit.h"
#include "ck_internal.h"
#include "ck_super.h"
#include "ck_units.h"
#include "ck_write_units.h"
#include "panel.h"

/// X(name) for the kernels of formats that are packed code by code.
#define CK_UNIT_KERNELS_OF(X, NAME) X(matmul_##NAME) X(pack_panel_##NAME) X(unpack_##NAME)
#define CK_UNIT_KERNELS(X)                                                                             \
    CK_UNIT_KERNELS_OF(X, q2_k) CK_UNIT_KERNELS_OF(X, q3_k) CK_UNIT_KERNELS_OF(X, iq4_nl)              \
    CK_UNIT_KERNELS_OF(X, iq4_xs) CK_UNIT_KERNELS_OF(X, mxfp4) CK_UNIT_KERNELS_OF(X, nvfp4)            \
    CK_UNIT_KERNELS_OF(X, tq1_0) CK_UNIT_KERNELS_OF(X, tq2_0) CK_UNIT_KERNELS_OF(X, iq2_xxs)           \
    CK_UNIT_KERNELS_OF(X, iq2_xs) CK_UNIT_KERNELS_OF(X, iq2_s) CK_UNIT_KERNELS_OF(X, iq3_xxs)          \
    CK_UNIT_KERNELS_OF(X, iq3_s) CK_UNIT_KERNELS_OF(X, iq1_s) CK_UNIT_KERNELS_OF(X, iq1_m)             \
    CK_UNIT_KERNELS_OF(X, fp4) CK_UNIT_KERNELS_OF(X, i8_1) CK_UNIT_KERNELS_OF(X, fp8)                  \
    X(quantize_q2_k) X(quantize_q3_k) X(quantize_iq4_nl) X(quantize_iq4_xs) X(quantize_mxfp4)          \
    X(quantize_nvfp4) X(quantize_tq1_0) X(quantize_tq2_0) CK_WEIGHTED_FORMATS(CK_WEIGHTED_KERNEL, X)

/// X(name, Y) for the formats in which columns may matter unlike.
#define CK_WEIGHTED_FORMATS(X, Y)                                                                       \
    X(q4_0, Y) X(q4_1, Y) X(q5_0, Y) X(q5_1, Y) X(q2_k, Y) X(q3_k, Y) X(q4_k, Y) X(q5_k, Y) X(q6_k, Y)  \
    X(iq4_nl, Y) X(iq4_xs, Y) CK_CODEBOOK_FORMATS(X, Y)
#define CK_CODEBOOK_FORMATS(X, Y)                                                                       \
    X(iq3_s, Y) X(iq3_xxs, Y) X(iq2_s, Y) X(iq2_xs, Y) X(iq2_xxs, Y) X(iq1_m, Y) X(iq1_s, Y)
#define CK_WEIGHTED_KERNEL(NAME, X) X(quantize_weighted_##NAME)

/// X(name) for every kernel ck_name of CKernels.h.
#define CK_KERNELS(X)                                                                           \
    X(matmul_q8_0) X(matmul_q4_0) X(matmul_q4_1) X(matmul_q5_0) X(matmul_q5_1) X(matmul_q4_k)   \
    X(matmul_q5_k) X(matmul_q6_k) X(matmul_f32) X(gemm)                                        \
    X(pack_panel_q8_0) X(pack_panel_q4_0) X(pack_panel_q4_1) X(pack_panel_q5_0)                 \
    X(pack_panel_q5_1) X(pack_panel_q4_k) X(pack_panel_q5_k) X(pack_panel_q6_k)                 \
    X(pack_panel_f32) X(pack_panel_f16) X(pack_panel_bf16)                                      \
    X(quantize_activations) X(attend_f32) X(attend_f16) X(attend_q8_0)                          \
    X(unpack_f32) X(unpack_f16) X(unpack_bf16) X(unpack_q8_0) X(unpack_q4_0) X(unpack_q4_1)     \
    X(unpack_q5_0) X(unpack_q5_1) X(unpack_q4_k) X(unpack_q5_k) X(unpack_q6_k)                  \
    X(pack_f32) X(pack_f16) X(pack_bf16) X(quantize_q8_0) X(quantize_q4_0) X(quantize_q4_1)     \
    X(quantize_q5_0) X(quantize_q5_1) X(quantize_q4_k) X(quantize_q5_k) X(quantize_q6_k)        \
    CK_UNIT_KERNELS(X)                                                                          \
    X(count_nonfinite) X(rms_norm) X(add_scaled) X(product) X(silu_multiply) X(gelu_multiply)   \
    X(gelu_tanh_multiply) X(clamped_silu_multiply) X(bounded_silu_multiply) X(silu_of_bounded_multiply) X(soft_cap) X(center) \
    X(cut_normal) X(match_magnitude) \
    X(sigmoid_multiply) X(sigmoid) X(relu_squared) X(rotate_half) X(rotate_adjacent) X(softmax) \
    X(online_softmax) X(causal_conv) X(conv_history) X(scan_step) X(scan_mask) X(exp)           \
    X(selective_scan) X(gated_linear_unit) X(delta_step) X(delta_products) X(delta_surprise) X(multiply_rows)        \
    X(softplus_decay) X(bounded_decay) X(wkv6_step) X(wkv7_step) X(wkv7_keys) X(wkv7_bonus)     \
    X(twice_exponential_decay) X(add_product) X(row_max) X(row_weigh) X(row_cut) X(row_next)           \
    X(row_histogram) X(row_sum) X(row_log_sum_exp) X(row_divergence)                                             \
    X(peak_f32) X(peak_i8) X(sum_words)

/// X(name) for every kernel ck_name that takes the activations of 16-bit weights one way: a set has those of one.
#define CK_FLOAT_KERNELS(X) X(matmul_f16) X(matmul_bf16)
#define CK_SPLIT_KERNELS(X) X(matmul_split_f16) X(matmul_split_bf16) X(split_activation_row)

typedef struct ck_isa ck_isa;

/// A row of the table: an instruction set.
struct ck_isa {
    /// The name by which INFER_SERVE_ISA asks for it.
    const char *name;
    /// 1 when the processor has the instructions, otherwise 0.
    int (*is_available)(void);
    /// Asks the system for leave to use them: 1 when it is given, otherwise 0. Null where none is needed.
    int (*is_permitted)(void);
    /// The layout of quantised panels: columns of a row that stand together, four or eight; see panel.h.
    size_t panel_columns;
    /// Rows of activations that a product of quantised panels takes at once.
    size_t tile_rows;
    /// The set whose kernels this one has where it names none of its own; null for one that names all.
    const ck_isa *base;
#define CK_MEMBER(NAME) __typeof__(ck_##NAME) *NAME;
    CK_KERNELS(CK_MEMBER)
    /// Null where a set takes these activations the other way. With split ones, panels of 16-bit numbers have two columns of
    /// a row together, and after those the next row's.
    CK_FLOAT_KERNELS(CK_MEMBER)
    CK_SPLIT_KERNELS(CK_MEMBER)
    /// Null where there are no products of bfloat16.
    CK_MEMBER(peak_bf16)
#undef CK_MEMBER
};

/// A copy of the row that kernels run with: written before main and never again.
extern ck_isa ck_chosen __attribute__((visibility("hidden")));

#endif
