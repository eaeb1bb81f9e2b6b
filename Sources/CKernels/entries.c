// The kernels of the interface: calls of the chosen instruction set's.
#include "isa.h"

#define CK_ENTRY(TYPE, NAME, PARAMETERS, ARGUMENTS) \
    TYPE ck_##NAME PARAMETERS { return ck_chosen.NAME ARGUMENTS; }

#define CK_PANEL_ENTRY(NAME, KIND)                                                                         \
    CK_ENTRY(void, matmul_##NAME,                                                                          \
             (float *out, size_t out_stride, const ck_activations *x, size_t x_chunk, const void *panels,  \
              size_t rows, size_t columns, size_t m),                                                      \
             (out, out_stride, x, x_chunk, panels, rows, columns, m))                                      \
    CK_PANEL_AND_BLOCKS(NAME)
#define CK_QUANTIZE_ENTRY(PREFIX, NAME) CK_ENTRY(void, PREFIX##_##NAME, (void *out, const float *x, size_t n), (out, x, n))
#define CK_UNIT_ENTRY(NAME, KIND, KIND_NAME, WEIGHTS) CK_PANEL_ENTRY(NAME, KIND)
#define CK_FLOAT_PANEL_ENTRY(NAME)                                                                             \
    CK_ENTRY(void, matmul_##NAME,                                                                              \
             (float *out, size_t out_stride, const float *x, size_t x_stride, const void *panels, size_t rows, \
              size_t columns, size_t m),                                                                       \
             (out, out_stride, x, x_stride, panels, rows, columns, m))                                         \
    CK_PANEL_AND_BLOCKS(NAME) CK_QUANTIZE_ENTRY(pack, NAME)
#define CK_SPLIT_ENTRY(NAME)                                                                                      \
    CK_ENTRY(void, matmul_split_##NAME,                                                                           \
             (float *out, size_t out_stride, const ck_split_activations *x, size_t x_step, const void *panels,    \
              size_t rows, size_t columns, size_t m, int parts),                                                  \
             (out, out_stride, x, x_step, panels, rows, columns, m, parts))
#define CK_PANEL_AND_BLOCKS(NAME)                                                       \
    CK_ENTRY(void, pack_panel_##NAME,                                                   \
             (void *panel, const void *rows, size_t row_bytes, size_t count, size_t columns), \
             (panel, rows, row_bytes, count, columns))                                  \
    CK_ENTRY(void, unpack_##NAME, (float *out, const void *in, size_t n), (out, in, n))
#define CK_ATTEND_ENTRY(NAME)                                                                       \
    CK_ENTRY(void, attend_##NAME,                                                                   \
             (float *sum, float *state, const float *query, const void *keys, const void *values,   \
              const void *next, size_t m, size_t group, ptrdiff_t offset, size_t tokens, size_t d,  \
              float cap, const float *bias, size_t bias_stride),                                    \
             (sum, state, query, keys, values, next, m, group, offset, tokens, d, cap, bias, bias_stride))
#define CK_GATE_ENTRY(NAME) \
    CK_ENTRY(void, NAME, (float *out, const float *gate, const float *up, size_t n), (out, gate, up, n))
#define CK_ROTATE_ENTRY(NAME) \
    CK_ENTRY(void, NAME, (float *x, const float *cosine, const float *sine, size_t half), (x, cosine, sine, half))

// Products, panels and formats.
#define CK_PANEL_FORMAT_ENTRY(NAME, KIND) CK_PANEL_ENTRY(NAME, KIND) CK_QUANTIZE_ENTRY(quantize, NAME)
CK_PANEL_FORMATS(CK_PANEL_FORMAT_ENTRY)
CK_UNIT_FORMATS(CK_UNIT_ENTRY)
CK_QUANTIZE_ENTRY(quantize, q2_k)
CK_QUANTIZE_ENTRY(quantize, q3_k)
CK_QUANTIZE_ENTRY(quantize, iq4_nl)
CK_QUANTIZE_ENTRY(quantize, iq4_xs)
CK_QUANTIZE_ENTRY(quantize, mxfp4)
CK_QUANTIZE_ENTRY(quantize, nvfp4)
CK_QUANTIZE_ENTRY(quantize, tq1_0)
CK_QUANTIZE_ENTRY(quantize, tq2_0)
#define CK_WEIGHTED_ENTRY(NAME, X) \
    CK_ENTRY(void, quantize_weighted_##NAME, (void *out, const float *x, const float *importance, size_t n), \
             (out, x, importance, n))
CK_WEIGHTED_FORMATS(CK_WEIGHTED_ENTRY, )
#define CK_ALIKE_ENTRY(NAME, X) \
    void ck_quantize_##NAME(void *out, const float *x, size_t n) { ck_chosen.quantize_weighted_##NAME(out, x, 0, n); }
CK_CODEBOOK_FORMATS(CK_ALIKE_ENTRY, )
CK_FLOAT_PANEL_ENTRY(f32)
CK_FLOAT_PANEL_ENTRY(f16)
CK_FLOAT_PANEL_ENTRY(bf16)
CK_ENTRY(void, matmul_fp8,
         (float *out, size_t out_stride, const float *x, size_t x_stride, const void *panels, size_t rows, size_t columns,
          size_t m),
         (out, out_stride, x, x_stride, panels, rows, columns, m))
CK_PANEL_AND_BLOCKS(fp8)
CK_ENTRY(void, split_activation_row, (ck_split_activations *out, size_t out_step, const float *x, size_t n),
         (out, out_step, x, n))
CK_SPLIT_ENTRY(f16)
CK_SPLIT_ENTRY(bf16)
CK_ENTRY(void, gemm,
         (float *out, size_t out_stride, const float *a, size_t a_row, size_t a_column, const float *b,
          size_t b_stride, size_t m, size_t n, size_t k, int adds),
         (out, out_stride, a, a_row, a_column, b, b_stride, m, n, k, adds))
CK_ENTRY(void, quantize_activations, (ck_activations *out, size_t out_chunk, const float *x, size_t n),
         (out, out_chunk, x, n))
CK_ENTRY(size_t, count_nonfinite, (const float *x, size_t n), (x, n))

// Attention.
CK_ATTEND_ENTRY(f32)
CK_ATTEND_ENTRY(f16)
CK_ATTEND_ENTRY(q8_0)

// Rows.
CK_ENTRY(void, rms_norm, (float *out, const float *x, const float *weight, float eps, size_t n),
         (out, x, weight, eps, n))
CK_ENTRY(void, add_scaled, (float *out, const float *x, float scale, size_t n), (out, x, scale, n))
CK_GATE_ENTRY(product)
CK_ENTRY(void, add_product, (float *out, const float *x, const float *y, const float *z, size_t n), (out, x, y, z, n))
CK_GATE_ENTRY(silu_multiply)
CK_GATE_ENTRY(gelu_multiply)
CK_GATE_ENTRY(gelu_tanh_multiply)
CK_ENTRY(void, clamped_silu_multiply,
         (float *out, const float *gate, const float *up, float alpha, float limit, size_t n),
         (out, gate, up, alpha, limit, n))
CK_ENTRY(void, bounded_silu_multiply, (float *out, const float *gate, const float *up, float limit, size_t n),
         (out, gate, up, limit, n))
CK_ENTRY(void, silu_of_bounded_multiply, (float *out, const float *gate, const float *up, float limit, size_t n),
         (out, gate, up, limit, n))
CK_ENTRY(void, soft_cap, (float *x, float cap, size_t n), (x, cap, n))
CK_ENTRY(void, center, (float *out, const float *x, size_t n), (out, x, n))
CK_ENTRY(void, cut_normal, (float *x, float deviations, size_t n), (x, deviations, n))
CK_ENTRY(void, match_magnitude, (float *x, const float *of, float least, size_t n), (x, of, least, n))
CK_GATE_ENTRY(sigmoid_multiply)
CK_ENTRY(void, sigmoid, (float *x, size_t n), (x, n))
CK_ENTRY(void, relu_squared, (float *x, size_t n), (x, n))
CK_ROTATE_ENTRY(rotate_half)
CK_ROTATE_ENTRY(rotate_adjacent)
CK_ENTRY(void, softmax, (float *x, size_t n), (x, n))
CK_ENTRY(void, online_softmax,
         (float *scores, size_t stride, size_t keys, size_t columns, float *largest, float *sum, float *factor),
         (scores, stride, keys, columns, largest, sum, factor))

// Convolutions and scans.
CK_ENTRY(void, causal_conv,
         (float *out, size_t out_stride, const float *in, size_t in_stride, const float *history,
          const float *weight, const float *bias, size_t first, size_t end, size_t channels, size_t taps, int silu),
         (out, out_stride, in, in_stride, history, weight, bias, first, end, channels, taps, silu))
CK_ENTRY(void, conv_history,
         (float *out, const float *history, const float *in, size_t in_stride, size_t rows, size_t channels,
          size_t taps),
         (out, history, in, in_stride, rows, channels, taps))
CK_ENTRY(void, scan_step,
         (float *state, float *y, const float *x, const float *b, const float *c, float decay, float dt, float d,
          size_t head_dim, size_t state_dim),
         (state, y, x, b, c, decay, dt, d, head_dim, state_dim))
CK_ENTRY(void, scan_mask,
         (float *out, const float *cb, size_t cb_stride, const float *cum, const float *dt, size_t n),
         (out, cb, cb_stride, cum, dt, n))
CK_ENTRY(void, exp, (float *out, const float *x, size_t n), (out, x, n))
CK_ENTRY(void, selective_scan,
         (float *state, float *y, size_t y_stride, const ck_selective_inputs *in, const float *a, const float *bias,
          const float *d, size_t rows, size_t channels, size_t state_dim),
         (state, y, y_stride, in, a, bias, d, rows, channels, state_dim))

// Gated delta rule.
CK_ENTRY(void, delta_step,
         (float *state, float *y, const float *q, const float *k, const float *v, const float *decay, float beta,
          size_t value_dim, size_t key_dim),
         (state, y, q, k, v, decay, beta, value_dim, key_dim))
CK_ENTRY(void, delta_products,
         (float *keys, float *queries, float *ending, float *total, float *q, float *k, const float *decay,
          const float *beta, float *since, size_t n, size_t key_dim),
         (keys, queries, ending, total, q, k, decay, beta, since, n, key_dim))
CK_ENTRY(void, delta_surprise,
         (float *held, const float *v, size_t v_stride, const float *beta, size_t n, size_t value_dim),
         (held, v, v_stride, beta, n, value_dim))
CK_ENTRY(void, multiply_rows, (float *x, const float *factors, size_t rows, size_t columns),
         (x, factors, rows, columns))
CK_ENTRY(void, gated_linear_unit,
         (float *state, float *out, const float *x, const float *input_gate, const float *decay_gate,
          const float *rate, int is_first, size_t n),
         (state, out, x, input_gate, decay_gate, rate, is_first, n))
CK_ENTRY(void, softplus_decay, (float *out, const float *x, const float *bias, const float *rate, size_t n),
         (out, x, bias, rate, n))
CK_ENTRY(void, bounded_decay,
         (float *out, const float *x, const float *bias, const float *rate, float bound, size_t n),
         (out, x, bias, rate, bound, n))

// RWKV.
CK_ENTRY(void, wkv6_step,
         (float *state, float *y, const float *r, const float *decay, const float *k, const float *v,
          const float *bonus, size_t size),
         (state, y, r, decay, k, v, bonus, size))
CK_ENTRY(void, wkv7_step,
         (float *state, float *y, const float *r, const float *decay, const float *k, const float *v,
          const float *removed, const float *replaced, size_t size),
         (state, y, r, decay, k, v, removed, replaced, size))
CK_ENTRY(void, wkv7_keys,
         (float *k, float *rate, float *removed, const float *removal, const float *mix, size_t size),
         (k, rate, removed, removal, mix, size))
CK_ENTRY(void, wkv7_bonus,
         (float *y, const float *v, const float *r, const float *k, const float *weight, size_t size),
         (y, v, r, k, weight, size))
CK_ENTRY(void, twice_exponential_decay, (float *out, const float *x, const float *bias, size_t n), (out, x, bias, n))

// Rows of logits.
CK_ENTRY(int, row_max, (const float *x, size_t n, float *max), (x, n, max))
CK_ENTRY(void, row_weigh, (float *x, size_t n, float max, float scale, double *sums), (x, n, max, scale, sums))
CK_ENTRY(void, row_cut, (float *x, size_t n, float least, size_t last, double *sums), (x, n, least, last, sums))
CK_ENTRY(size_t, row_next, (const float *x, size_t from, size_t n, float least, float most), (x, from, n, least, most))
CK_ENTRY(void, row_histogram, (const float *x, size_t n, uint32_t low, int shift, size_t buckets, double *masses),
         (x, n, low, shift, buckets, masses))
CK_ENTRY(double, row_sum, (const float *x, size_t n), (x, n))
CK_ENTRY(float, row_log_sum_exp, (const float *x, size_t n, float max), (x, n, max))
CK_ENTRY(void, row_divergence,
         (const float *p, const float *q, size_t n, float p_max, float q_max, double sums[3]),
         (p, q, n, p_max, q_max, sums))

// The machine's limits.
CK_ENTRY(double, peak_f32, (size_t rounds, double *sum), (rounds, sum))
CK_ENTRY(double, peak_i8, (size_t rounds, double *sum), (rounds, sum))
CK_ENTRY(uint64_t, sum_words, (const uint64_t *words, size_t n), (words, n))
