// Kernels that BLAS lacks: C without allocation, threads or I/O.
//
// Matrices are row-major; a `stride` is the number of elements from one row to the next. All kernels are compiled for
// several instruction sets, and all run with the same one, which is chosen when the program starts (isa.c). Sums are
// re-associated, so results differ between instruction sets by rounding, never between calls.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Machine (cpu.c)

/// Tells the processor that the caller spins.
static inline void ck_spin_hint(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/// Names the calling thread; the system cuts names after 15 bytes.
void ck_name_thread(const char *name);
/// The system's number of the calling thread.
int32_t ck_thread_id(void);
/// Number of processors of this machine.
int ck_machine_processor_count(void);
/// Number of processors this process may run on.
int ck_processor_count(void);
/// Bytes of memory of this machine; 0 when unknown.
uint64_t ck_memory_bytes(void);

// MARK: Processors and memory of nodes (placement.c)
//
// Sets of processors and of nodes are bits of words, the least significant first.

/// The number of the processor that the calling thread runs on; -1 when unknown.
int ck_current_processor(void);
/// Writes the processors that the calling thread may run on. Returns the number of words written; 0 when the system does
/// not tell, as when there are more processors than `count` words have bits.
size_t ck_get_affinity(uint64_t *words, size_t count);
/// Lets a thread, by the system's number, or the calling one for 0, run on these processors alone. Returns 0, or an error
/// number.
int ck_set_affinity(int32_t thread, const uint64_t *words, size_t count);

/// Where pages come from that are touched first: near the thread that touches them; from nodes in turn; from the first of
/// the nodes while it has any.
typedef enum { CK_MEMORY_DEFAULT, CK_MEMORY_INTERLEAVED, CK_MEMORY_PREFERRED } ck_memory_policy;

/// Sets the policy of a range that begins with a page. Pages that are there stay where they are. Returns 0, or an error
/// number.
int ck_place_memory(void *base, size_t bytes, ck_memory_policy policy, const uint64_t *nodes, size_t count);
/// A thread's policy of what it touches first, where ranges have none of their own, pages of files included: number and
/// flags as the system has them, 0 for the default, and as many nodes as it manages.
typedef struct {
    int32_t mode;
    uint64_t nodes[16];
} ck_thread_policy;

/// The policy of a thread that takes memory from some nodes.
ck_thread_policy ck_make_thread_policy(ck_memory_policy policy, const uint64_t *nodes, size_t count);
/// Reads the policy of the calling thread, which those that it starts begin with. Returns 0, or an error number.
int ck_get_thread_policy(ck_thread_policy *policy);
/// Sets the policy of the calling thread. Returns 0, or an error number.
int ck_set_thread_policy(const ck_thread_policy *policy);
/// The policy at an address, and its nodes; -1 when the system does not tell.
int ck_memory_policy_at(const void *address, uint64_t *nodes, size_t count);

// MARK: The instruction set (isa.c)

/// The name of the instruction set that kernels run with, e.g. "avx512-vnni": the best that this machine has, or the one
/// that INFER_SERVE_ISA in the environment names.
const char *ck_isa_name(void);
/// The value of INFER_SERVE_ISA when this machine has no such instruction set, and null otherwise.
const char *ck_refused_isa(void);
/// The name of the instruction set that would have been chosen, had the system let this process use what the processor has;
/// null where there is none.
const char *ck_forbidden_isa(void);
/// The names of the instruction sets that this machine has, the best first; null from their number on.
const char *ck_available_isa(size_t index);
/// The names of those that there are kernels for, on machines of this architecture; null from their number on.
const char *ck_known_isa(size_t index);
/// The number of rows of activations that a product of quantised weights takes at once. Other numbers of rows work too;
/// a multiple leaves no registers empty.
size_t ck_tile_rows(void);

// MARK: The machine's limits (Kernels/roofline.h)

/// Multiplies and adds floats in registers, in independent chains of registers of the instruction set, `rounds`
/// times. Returns the number of floating-point operations. Chain j of 12 goes `rounds` times from x, at first j, to
/// x / 2 + 1; *sum is the sum of the lanes of all chains.
double ck_peak_f32(size_t rounds, double *sum);
/// The same for dots of 8-bit integers that are added up in 32 bits, `rounds` times or, where an instruction does more
/// than one register's, fewer. A product and its addition count two; each product is 3 · 5, and *sum is the sum of all.
double ck_peak_i8(size_t rounds, double *sum);
/// The same for products of bfloat16 that are added up in single precision; 0 where the instruction set has none.
double ck_peak_bf16(size_t rounds, double *sum);
/// The sum of `n` words, read one after another.
uint64_t ck_sum_words(const uint64_t *words, size_t n);

// MARK: Closures (closure.c)

/// A Swift closure taken apart, valid as long as the closure: how one that does not escape gets to other threads without
/// a copy on the heap. Swift declares by itself what makes one, because C has no name for a closure's type.
typedef struct {
    void *function, *context;
} ck_closure;

/// Calls a closure of type (Int, Int) -> Void.
void ck_closure_call(ck_closure closure, ptrdiff_t first, ptrdiff_t second);

// MARK: Attention over cached keys and values (Kernels/attention.h)

/// Folds some tokens into the online softmax of `m` query rows ([m, d], scaled). `keys` and `values` hold one row of d
/// numbers a token; they may be the same rows. Row j sees the first offset + j / group of them. sum[j, i] is
/// Σ_t w[t] · value[t, i] so far, state[2 j] the largest score of a token seen so far (−inf before the first), by whose
/// exponential the weights are divided, and state[2 j + 1] the sum of the weights. `next`, if not null, is where as many
/// keys, and the values behind them, will be read next. `bias`, if not null, is added to scores, to that of row j and token t
/// bias[j · bias_stride + t]. A `cap` above 0 then holds scores within it: they become cap · tanh(score / cap). Tokens are
/// taken in blocks of 16 from the first on, the same for any m.
void ck_attend_f32(float *sum, float *state, const float *query, const void *keys, const void *values,
                   const void *next, size_t m, size_t group, ptrdiff_t offset, size_t tokens, size_t d,
                   float cap, const float *bias, size_t bias_stride);
void ck_attend_f16(float *sum, float *state, const float *query, const void *keys, const void *values,
                   const void *next, size_t m, size_t group, ptrdiff_t offset, size_t tokens, size_t d,
                   float cap, const float *bias, size_t bias_stride);
/// Rows of blocks of Q8_0: d is a multiple of 32.
void ck_attend_q8_0(float *sum, float *state, const float *query, const void *keys, const void *values,
                    const void *next, size_t m, size_t group, ptrdiff_t offset, size_t tokens, size_t d,
                    float cap, const float *bias, size_t bias_stride);

// MARK: Weight formats (Kernels/convert.h, Kernels/q*.h)
//
// The blocks of the quantised formats are described in ck_blocks.h; n is a multiple of the weights of a block: 32, 64 for
// NVFP4 and FP8, 256 for those ending in _k and for TQ and IQ formats other than IQ4_NL. Any bits are accepted both ways: a value that is no finite number spoils its block and nothing else, and scales
// beyond the range of a half are cut to it.

void ck_unpack_f32(float *out, const void *in, size_t n);
void ck_unpack_f16(float *out, const void *in, size_t n);
void ck_unpack_bf16(float *out, const void *in, size_t n);
void ck_unpack_q8_0(float *out, const void *in, size_t n);
void ck_unpack_q4_0(float *out, const void *in, size_t n);
void ck_unpack_q4_1(float *out, const void *in, size_t n);
void ck_unpack_q5_0(float *out, const void *in, size_t n);
void ck_unpack_q5_1(float *out, const void *in, size_t n);
void ck_unpack_q4_k(float *out, const void *in, size_t n);
void ck_unpack_q5_k(float *out, const void *in, size_t n);
void ck_unpack_q6_k(float *out, const void *in, size_t n);
void ck_unpack_q2_k(float *out, const void *in, size_t n);
void ck_unpack_q3_k(float *out, const void *in, size_t n);
void ck_unpack_iq4_nl(float *out, const void *in, size_t n);
void ck_unpack_iq4_xs(float *out, const void *in, size_t n);
void ck_unpack_mxfp4(float *out, const void *in, size_t n);
void ck_unpack_nvfp4(float *out, const void *in, size_t n);
void ck_unpack_tq1_0(float *out, const void *in, size_t n);
void ck_unpack_tq2_0(float *out, const void *in, size_t n);
void ck_unpack_iq2_xxs(float *out, const void *in, size_t n);
void ck_unpack_iq2_xs(float *out, const void *in, size_t n);
void ck_unpack_iq2_s(float *out, const void *in, size_t n);
void ck_unpack_iq3_xxs(float *out, const void *in, size_t n);
void ck_unpack_iq3_s(float *out, const void *in, size_t n);
void ck_unpack_iq1_s(float *out, const void *in, size_t n);
void ck_unpack_iq1_m(float *out, const void *in, size_t n);
void ck_unpack_fp4(float *out, const void *in, size_t n);
void ck_unpack_i8_1(float *out, const void *in, size_t n);
void ck_unpack_fp8(float *out, const void *in, size_t n);

/// These three round to nearest, ties to even; overflow becomes infinity.
void ck_pack_f32(void *out, const float *x, size_t n);
void ck_pack_f16(void *out, const float *x, size_t n);
void ck_pack_bf16(void *out, const float *x, size_t n);
/// Scales are those that make the squared error of a block small; see Kernels/fit.h.
void ck_quantize_q8_0(void *out, const float *x, size_t n);
void ck_quantize_q4_0(void *out, const float *x, size_t n);
void ck_quantize_q4_1(void *out, const float *x, size_t n);
void ck_quantize_q5_0(void *out, const float *x, size_t n);
void ck_quantize_q5_1(void *out, const float *x, size_t n);
void ck_quantize_q4_k(void *out, const float *x, size_t n);
void ck_quantize_q5_k(void *out, const float *x, size_t n);
void ck_quantize_q6_k(void *out, const float *x, size_t n);
void ck_quantize_q2_k(void *out, const float *x, size_t n);
void ck_quantize_q3_k(void *out, const float *x, size_t n);
void ck_quantize_iq4_nl(void *out, const float *x, size_t n);
void ck_quantize_iq4_xs(void *out, const float *x, size_t n);
void ck_quantize_mxfp4(void *out, const float *x, size_t n);
void ck_quantize_nvfp4(void *out, const float *x, size_t n);
void ck_quantize_tq1_0(void *out, const float *x, size_t n);
void ck_quantize_tq2_0(void *out, const float *x, size_t n);
void ck_quantize_iq3_s(void *out, const float *x, size_t n);
void ck_quantize_iq3_xxs(void *out, const float *x, size_t n);
void ck_quantize_iq2_s(void *out, const float *x, size_t n);
void ck_quantize_iq2_xs(void *out, const float *x, size_t n);
void ck_quantize_iq2_xxs(void *out, const float *x, size_t n);
void ck_quantize_iq1_m(void *out, const float *x, size_t n);
void ck_quantize_iq1_s(void *out, const float *x, size_t n);
/// The same where errors count as much as the importance of their columns, `n` numbers ≥ 0, says; null for columns that count
/// alike. See Kernels/fit_weighted.h and Kernels/fit_codebook.h.
void ck_quantize_weighted_q4_0(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q4_1(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q5_0(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q5_1(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q2_k(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q3_k(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q4_k(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q5_k(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_q6_k(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq4_nl(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq4_xs(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq3_s(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq3_xxs(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq2_s(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq2_xs(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq2_xxs(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq1_m(void *out, const float *x, const float *importance, size_t n);
void ck_quantize_weighted_iq1_s(void *out, const float *x, const float *importance, size_t n);
/// Number of values that are NaN or infinite.
size_t ck_count_nonfinite(const float *x, size_t n);

// MARK: Products of packed quantised weights with quantised activations (panel.c, Kernels/pack.h, Kernels/panel_matmul.h)
//
// Weights are packed in panels of CK_PANEL_ROWS rows. Activations are rounded to eight bits in blocks of 32 columns,
// whatever the number of rows; sums within a block are exact integers, and blocks are added in order in single
// precision. A result depends on its row of activations and its row of weights alone.

#define CK_PANEL_ROWS 16

/// 32 activations: x = d · q.
typedef struct {
    float d;
    /// d · Σ q.
    float sum;
    /// Σ q of the first and of the last sixteen.
    int32_t half[2];
    int8_t q[32];
} ck_activations;

/// Rows of activations lie in chunks of CK_CHUNK blocks: [chunk][row][block]. Sixteen rows of a chunk are one piece of
/// memory, whatever the length of a row. A last chunk that is not full takes as much.
#define CK_CHUNK 8

/// Rounds `n` values, a multiple of 32, as a row whose chunks lie `out_chunk` blocks apart: d = max |x| / 127, q = x / d to
/// the nearest integer, ties to even. A block that holds NaN or an infinity becomes NaN as a whole, and so does every
/// product with it.
void ck_quantize_activations(ck_activations *out, size_t out_chunk, const float *x, size_t n);

/// The number of columns of a row that stand together in panels of the instruction set, which is all that layouts of panels
/// differ in (panel_layout.c): of quantised weights for 0, four or eight; of numbers of `number_bytes` bytes, one, or two
/// where they have two bytes. Panels of all layouts have the same size.
size_t ck_panel_columns(size_t number_bytes);

/// Declares, for a format and rows of `columns` columns, a multiple of its block:
/// - ck_panel_size: bytes of a panel, a multiple of 64;
/// - ck_pack_panel: packs `count` ≤ CK_PANEL_ROWS rows, `row_bytes` apart, as a panel; missing rows are zero;
/// - ck_unpack_panel_row: one row of a panel as floats;
/// - ck_turn_panel: a panel in which `from` columns of a row stand together as one in which `to` do; see ck_panel_columns;
/// - ck_matmul: out[t · out_stride + r] = x[t] · row r, for t < m and r < rows, over panels that lie one behind
///   another. Row t of the activations begins at x + t · CK_CHUNK, and its chunks lie `x_chunk` blocks apart.
#define CK_DECLARE_PANEL(NAME)                                                                                \
    size_t ck_panel_size_##NAME(size_t columns);                                                              \
    void ck_pack_panel_##NAME(void *panel, const void *rows, size_t row_bytes, size_t count, size_t columns); \
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns);               \
    void ck_turn_panel_##NAME(void *out, size_t to, const void *panel, size_t from, size_t columns);          \
    void ck_matmul_##NAME(float *out, size_t out_stride, const ck_activations *x, size_t x_chunk,             \
                          const void *panels, size_t rows, size_t columns, size_t m);
CK_DECLARE_PANEL(q8_0)
CK_DECLARE_PANEL(q4_0)
CK_DECLARE_PANEL(q4_1)
CK_DECLARE_PANEL(q5_0)
CK_DECLARE_PANEL(q5_1)
CK_DECLARE_PANEL(q4_k)
CK_DECLARE_PANEL(q5_k)
CK_DECLARE_PANEL(q6_k)
CK_DECLARE_PANEL(q2_k)
CK_DECLARE_PANEL(q3_k)
CK_DECLARE_PANEL(iq4_nl)
CK_DECLARE_PANEL(iq4_xs)
CK_DECLARE_PANEL(mxfp4)
CK_DECLARE_PANEL(nvfp4)
CK_DECLARE_PANEL(tq1_0)
CK_DECLARE_PANEL(tq2_0)
CK_DECLARE_PANEL(iq2_xxs)
CK_DECLARE_PANEL(iq2_xs)
CK_DECLARE_PANEL(iq2_s)
CK_DECLARE_PANEL(iq3_xxs)
CK_DECLARE_PANEL(iq3_s)
CK_DECLARE_PANEL(iq1_s)
CK_DECLARE_PANEL(iq1_m)
CK_DECLARE_PANEL(fp4)
CK_DECLARE_PANEL(i8_1)

// MARK: Products of packed floating-point weights (panel.c, Kernels/pack.h, Kernels/float_matmul.h)

/// Declares, for a floating-point format:
/// - ck_panel_size, ck_pack_panel, ck_unpack_panel_row, ck_turn_panel: as above, for rows of any number of columns;
/// - ck_matmul: out[t · out_stride + r] = Σ_k x[t · x_stride + k] · row r [k], for t < m and r < rows, over panels that
///   lie one behind another. A result depends on its row of activations and its row of weights alone. Products are
///   added in order of columns.
#define CK_DECLARE_FLOAT_PANEL(NAME)                                                                          \
    void ck_unpack_panel_row_##NAME(float *out, const void *panel, size_t row, size_t columns);               \
    void ck_turn_panel_##NAME(void *out, size_t to, const void *panel, size_t from, size_t columns);          \
    size_t ck_panel_size_##NAME(size_t columns);                                                              \
    void ck_pack_panel_##NAME(void *panel, const void *rows, size_t row_bytes, size_t count, size_t columns); \
    void ck_matmul_##NAME(float *out, size_t out_stride, const float *x, size_t x_stride, const void *panels, \
                          size_t rows, size_t columns, size_t m);
CK_DECLARE_FLOAT_PANEL(f32)
CK_DECLARE_FLOAT_PANEL(f16)
CK_DECLARE_FLOAT_PANEL(bf16)
/// Rows are whole blocks of 64 columns, and products of those are added one after another.
CK_DECLARE_FLOAT_PANEL(fp8)

/// A step of 32 activations, each as the sum of three numbers of bfloat16, the largest first, which keep all of it.
typedef struct {
    uint16_t part[3][32];
} ck_split_activations;

/// 1 when the instruction set multiplies F16 and BF16 weights with split activations: by ck_matmul_split_f16 and
/// ck_matmul_split_bf16, and not by ck_matmul_f16 and ck_matmul_bf16. 0 when it is the other way round.
int ck_splits_activations(void);
/// Splits `n` values as a row whose steps lie `out_step` steps apart: rows lie as [step][row]. Zeros complete the last one.
void ck_split_activation_row(ck_split_activations *out, size_t out_step, const float *x, size_t n);
/// As ck_matmul. Row t of the activations begins at x + t, and its steps lie `x_step` apart. A step of 32 columns is added at
/// once. Of activations the first `parts` parts are multiplied: two, which keep sixteen bits, or three, which keep all.
void ck_matmul_split_f16(float *out, size_t out_stride, const ck_split_activations *x, size_t x_step, const void *panels,
                         size_t rows, size_t columns, size_t m, int parts);
void ck_matmul_split_bf16(float *out, size_t out_stride, const ck_split_activations *x, size_t x_step,
                          const void *panels, size_t rows, size_t columns, size_t m, int parts);

/// Product of small matrices that are in cache and not packed: out[i, j] = Σ_l a[i · a_row + l · a_column] · b[l, j] for
/// i < m, j < n and l < k, added to what `out` holds if `adds`. `b` and `out` are row-major with strides. Products are
/// added in order of l, or 32 at once on tiles, whatever m is.
void ck_gemm(float *out, size_t out_stride, const float *a, size_t a_row, size_t a_column, const float *b,
             size_t b_stride, size_t m, size_t n, size_t k, int adds);

// MARK: Rows (Kernels/rows.h)

/// out = x / sqrt(mean(x²) + eps) · weight. `out` may be `x`.
void ck_rms_norm(float *out, const float *x, const float *weight, float eps, size_t n);
/// out += scale · x.
void ck_add_scaled(float *out, const float *x, float scale, size_t n);
/// out = x · y, element by element. `out` may be either of them.
void ck_product(float *out, const float *x, const float *y, size_t n);
/// out[i] = x[i] + y[i] · z[i]. `out` may be any of them.
void ck_add_product(float *out, const float *x, const float *y, const float *z, size_t n);
/// out = silu(gate) · up.
void ck_silu_multiply(float *out, const float *gate, const float *up, size_t n);
/// out = gelu(gate) · up, where gelu(x) = x · Φ(x) with an error below 3e-7 · (1 + |x|).
void ck_gelu_multiply(float *out, const float *gate, const float *up, size_t n);
/// out = gelu(gate) · up, where gelu(x) = x / 2 · (1 + tanh(√(2 / π) · (x + 0.044715 x³))).
void ck_gelu_tanh_multiply(float *out, const float *gate, const float *up, size_t n);
/// out = x · sigmoid(alpha · x) · (y + 1), where x is gate, but no more than limit, and y is up, but no further from 0 than
/// limit.
void ck_clamped_silu_multiply(float *out, const float *gate, const float *up, float alpha, float limit, size_t n);
/// out[i] = min(silu(gate[i]), limit) · min(max(up[i], −limit), limit). `out` may be an input.
void ck_bounded_silu_multiply(float *out, const float *gate, const float *up, float limit, size_t n);
/// out[i] = silu(min(gate[i], limit)) · min(max(up[i], −limit), limit). `out` may be an input.
void ck_silu_of_bounded_multiply(float *out, const float *gate, const float *up, float limit, size_t n);
/// x = cap · tanh(x / cap).
void ck_soft_cap(float *x, float cap, size_t n);
/// out = x less its mean, which may be x itself.
void ck_center(float *out, const float *x, size_t n);
/// x = max(x − c, 0), where c is the mean and so many standard deviations.
void ck_cut_normal(float *x, float deviations, size_t n);
/// x · √(mean(of²) / max(mean(x²), least)).
void ck_match_magnitude(float *x, const float *of, float least, size_t n);
/// out = sigmoid(gate) · up.
void ck_sigmoid_multiply(float *out, const float *gate, const float *up, size_t n);
/// x = sigmoid(x).
void ck_sigmoid(float *x, size_t n);
/// x = max(x, 0)².
void ck_relu_squared(float *x, size_t n);
/// Rotates the pairs (x[i], x[i + half]) by the angles whose cosines and sines are given, i < half.
void ck_rotate_half(float *x, const float *cosine, const float *sine, size_t half);
/// The same for the pairs (x[2 i], x[2 i + 1]).
void ck_rotate_adjacent(float *x, const float *cosine, const float *sine, size_t half);
/// x = softmax(x).
void ck_softmax(float *x, size_t n);
/// One block of an online softmax of every column of scores [keys, columns]: scores become exp(score − largest[column]),
/// where `largest` is the larger of what it was and the block's own, and `sum` is brought up to date; what was
/// accumulated before this block has to be multiplied by `factor[column]`. Before the first block `largest` is −∞ and
/// `sum` 0; a score of −∞ weighs nothing.
void ck_online_softmax(float *scores, size_t stride, size_t keys, size_t columns, float *largest, float *sum,
                       float *factor);

// MARK: Convolutions and scans (Kernels/conv.h, Kernels/scan.h, Kernels/selective_scan.h)

/// Causal depthwise convolution over time, then SiLU unless `silu` is 0.
///
/// out[t, c] = bias[c] + Σ_j weight[j, c] · in[t − (taps − 1) + j, c] for first ≤ t < end, where rows before row 0 come
/// from `history` ([taps − 1, channels], oldest first). `bias` may be null.
void ck_causal_conv(float *out, size_t out_stride, const float *in, size_t in_stride, const float *history,
                    const float *weight, const float *bias, size_t first, size_t end, size_t channels, size_t taps,
                    int silu);
/// Writes the last taps − 1 inputs after `rows` new ones to `out`, laid out as `history`, which may be the same memory.
void ck_conv_history(float *out, const float *history, const float *in, size_t in_stride, size_t rows, size_t channels,
                     size_t taps);

/// One token of one head of the Mamba-2 recurrence, in place, with the state as [state_dim, head_dim]:
/// S[p, n] = decay · S[p, n] + dt · x[p] · B[n];  y[p] = Σ_n C[n] · S[p, n] + D · x[p].
void ck_scan_step(float *state, float *y, const float *x, const float *b, const float *c, float decay, float dt, float d,
                  size_t head_dim, size_t state_dim);
/// Lower-triangular decay of a chunk: out[t, s] = cb[t, s] · exp(cum[t] − cum[s]) · dt[s] for s ≤ t, else 0.
void ck_scan_mask(float *out, const float *cb, size_t cb_stride, const float *cum, const float *dt, size_t n);
/// out[i] = exp(x[i]).
void ck_exp(float *out, const float *x, size_t n);

/// Channels of Mamba-1 whose state stands together.
#define CK_SCAN_CHANNELS 64

/// Rows of floats: the first, and the floats from one to the next.
typedef struct {
    const float *base;
    size_t stride;
} ck_rows;

/// The inputs of a Mamba-1 scan of some tokens: x, dt before bias and softplus, and the gate z of the scan's channels, and
/// B and C, which all channels share.
typedef struct {
    ck_rows x, dt, z, b, c;
} ck_selective_inputs;

/// `rows` tokens of the Mamba-1 recurrence of `channels` ≤ CK_SCAN_CHANNELS neighbouring channels, in place, then the gate:
/// Δ = softplus(dt[c] + bias[c]);  S[n, c] = exp(Δ · a[n, c]) · S[n, c] + Δ · x[c] · B[n];
/// y[c] = (Σ_n C[n] · S[n, c] + d[c] · x[c]) · silu(z[c]).
/// `state` and `a` are [state_dim, channels]. Tokens follow one another, so that any cut of them gives the same bits.
void ck_selective_scan(float *state, float *y, size_t y_stride, const ck_selective_inputs *in, const float *a,
                       const float *bias, const float *d, size_t rows, size_t channels, size_t state_dim);

// MARK: Gated delta rule (Kernels/delta.h)
//
// The state of a head is S[key_dim, value_dim]. Rows of q, k and decay within a chunk of n tokens are contiguous; decay[t, i]
// is the factor on key channel i from token t − 1 to token t.

/// One token of one head of the gated delta rule, in place:
/// S[i, p] = decay[i] · S[i, p];  u = beta · (v[p] − Σ_i k[i] · S[i, p]);  S[i, p] += k[i] · u;  y[p] = Σ_i q[i] · S[i, p].
void ck_delta_step(float *state, float *y, const float *q, const float *k, const float *v, const float *decay,
                   float beta, size_t value_dim, size_t key_dim);
/// Tokens of a row of `ending` below: n, rounded up to whole registers.
static inline size_t ck_delta_stride(size_t n) { return (n + 15) & ~(size_t)15; }
/// The products of a chunk's rows with each other, with the state before it and with the state at its end. With
/// d[t, s, i] = Π_{s < r ≤ t} decay[r, i]:
/// keys[t, s] = beta[t] · Σ_i k[t, i] · d[t, s, i] · k[s, i] for s < t, the rest of it is left alone;
/// queries[t, s] = Σ_i q[t, i] · d[t, s, i] · k[s, i] for s ≤ t, else 0; both [n, n];
/// ending[i, t] = k[t, i] · Π_{r > t} decay[r, i], [key_dim, ck_delta_stride(n)]; total[i] = Π_t decay[t, i];
/// and q and k are multiplied in place by Π_{r ≤ t} decay[r, i]. `since` has room for key_dim floats.
void ck_delta_products(float *keys, float *queries, float *ending, float *total, float *q, float *k,
                       const float *decay, const float *beta, float *since, size_t n, size_t key_dim);
/// held[t, i] = beta[t] · (v[t, i] − held[t, i]), where only rows of v are v_stride apart.
void ck_delta_surprise(float *held, const float *v, size_t v_stride, const float *beta, size_t n, size_t value_dim);
/// x[row, i] *= factors[row].
void ck_multiply_rows(float *x, const float *factors, size_t rows, size_t columns);
/// A step of n gated linear recurrent units (De et al. 2024, arXiv 2402.19427, §2.4). With the decay
/// a = exp(rate[i] · σ(decay_gate[i])): state[i] = out[i] = a · state[i] + √(1 − a²) · σ(input_gate[i]) · x[i], where the
/// root is 1 for the first token of a sequence.
void ck_gated_linear_unit(float *state, float *out, const float *x, const float *input_gate, const float *decay_gate,
                          const float *rate, int is_first, size_t n);
/// out[i] = exp(rate[i] · log(1 + exp(x[i] + bias[i]))). `out` may be `x`.
void ck_softplus_decay(float *out, const float *x, const float *bias, const float *rate, size_t n);
/// out[i] = exp(bound · σ(rate[i] · (x[i] + bias[i]))). `out` may be `x`.
void ck_bounded_decay(float *out, const float *x, const float *bias, const float *rate, float bound, size_t n);

// MARK: Recurrences of RWKV (Kernels/wkv.h)
//
// The state of a head is S[size, size]: channels of the key, then channels of the value.

/// One token of one head of RWKV 6, in place:
/// y[p] = Σ_i r[i] · (S[i, p] + bonus[i] · k[i] · v[p]);  S[i, p] = decay[i] · S[i, p] + k[i] · v[p].
void ck_wkv6_step(float *state, float *y, const float *r, const float *decay, const float *k, const float *v,
                  const float *bonus, size_t size);
/// One token of one head of RWKV 7, in place:
/// h[p] = Σ_i removed[i] · S[i, p];  S[i, p] = decay[i] · S[i, p] + replaced[i] · h[p] + k[i] · v[p];
/// y[p] = Σ_i r[i] · S[i, p].
void ck_wkv7_step(float *state, float *y, const float *r, const float *decay, const float *k, const float *v,
                  const float *removed, const float *replaced, size_t size);
/// Prepares a head's key and its learning rates for ck_wkv7_step. With the direction d of k[i] · removal[i], whose
/// length is 1: removed[i] = −d[i];  k[i] *= 1 + (rate[i] − 1) · mix[i];  rate[i] *= d[i].
void ck_wkv7_keys(float *k, float *rate, float *removed, const float *removal, const float *mix, size_t size);
/// y[p] += v[p] · Σ_i r[i] · k[i] · weight[i].
void ck_wkv7_bonus(float *y, const float *v, const float *r, const float *k, const float *weight, size_t size);
/// out[i] = exp(−exp(x[i] + bias[i])). `out` may be `x`.
void ck_twice_exponential_decay(float *out, const float *x, const float *bias, size_t n);

// MARK: Rows of logits (Kernels/sampling.h)

enum {
    /// The values that are added up apart from others.
    CK_ROW_BLOCK = 256,
    /// The buckets that values are told apart in at once.
    CK_ROW_BUCKETS = 1024
};

/// Writes the largest of `n` values, -inf when there is none. Returns whether any of them is NaN or +inf.
int ck_row_max(const float *x, size_t n, float *max);
/// x[i] = exp((x[i] - max) * scale) for x[i] <= max and scale >= 0, with a relative error of exp below 3e-7; and the sum of
/// every CK_ROW_BLOCK of them, accumulated in double precision.
void ck_row_weigh(float *x, size_t n, float max, float scale, double *sums);
/// x[i] = 0 for values below `least`, and for those equal to it behind index `last`; and sums as of ck_row_weigh.
void ck_row_cut(float *x, size_t n, float least, size_t last, double *sums);
/// The first index from `from` on with least <= x[i] <= most; n where there is none.
size_t ck_row_next(const float *x, size_t from, size_t n, float least, float most);
/// masses[b] = sum of the values of which (bits of x[i] - low) >> shift is b, in double precision, for up to CK_ROW_BUCKETS
/// buckets. No value is negative: those have bits in the order of their sizes.
void ck_row_histogram(const float *x, size_t n, uint32_t low, int shift, size_t buckets, double *masses);
/// Sum of `n` values, accumulated in double precision.
double ck_row_sum(const float *x, size_t n);
/// log of the sum of exp(x[i]), of which none is above `max`.
float ck_row_log_sum_exp(const float *x, size_t n, float max);
/// The sums that the divergence of two rows of logits p and q consists of, none of them above its row's maximum:
/// Σ exp(p[i] - p_max), Σ exp(q[i] - q_max) and Σ exp(p[i] - p_max) · ((p[i] - p_max) - (q[i] - q_max)).
void ck_row_divergence(const float *p, const float *q, size_t n, float p_max, float q_max, double sums[3]);

#ifdef __cplusplus
}
#endif
#endif
