#include "ck_internal.h"
#include "ck_intrinsics.h"

// What the machine can do at most. Every kernel computes something that can be checked, so that neither the compiler
// nor a mistake in counting can make the machine look faster than it is.

/// Independent sums: at least latency × units of today's multiply-add units (4 or 5 cycles, two of them), and few
/// enough for 16 registers.
#define CHAINS 12

// A chain is x ← x / 2 + 1, which tends to 2 from any start; each starts somewhere else, or the compiler merges them.
#define DEFINE_PEAK_F32(NAME, TARGET, V, LANES, SET, FMA)                        \
    TARGET static double NAME(size_t rounds, double *sum) {                      \
        V chain[CHAINS], half = SET(0.5f), one = SET(1.0f);                      \
        for (int j = 0; j < CHAINS; j++) chain[j] = SET((float)j);               \
        for (size_t i = 0; i < rounds; i++)                                      \
            for (int j = 0; j < CHAINS; j++) chain[j] = FMA(chain[j], half, one);\
        float values[CHAINS * LANES];                                            \
        memcpy(values, chain, sizeof values);                                    \
        *sum = 0;                                                                \
        for (int j = 0; j < CHAINS * LANES; j++) *sum += values[j];              \
        return 2.0 * CHAINS * LANES * (double)rounds;                            \
    }

#if defined(CK_EMULATION)
#define CK_HIDDEN(vector) "+m"(vector)
#elif defined(__aarch64__)
#define CK_HIDDEN(vector) "+w"(vector)
#else
#define CK_HIDDEN(vector) "+x"(vector)
#endif

// A chain adds some products 3 · 5 to each of its lanes. Its input is hidden from the compiler at every use, or work
// that does not change would move out of the loop.
#define DEFINE_PEAK_I8(NAME, TARGET, V, LANES, PRODUCTS, SET, DOT)               \
    TARGET static double NAME(size_t rounds, double *sum) {                      \
        V chain[CHAINS], a = SET(0x03030303), b = SET(0x05050505);               \
        for (int j = 0; j < CHAINS; j++) chain[j] = SET(0);                      \
        for (size_t i = 0; i < rounds; i++)                                      \
            for (int j = 0; j < CHAINS; j++) {                                   \
                __asm__("" : CK_HIDDEN(a));                                      \
                chain[j] = DOT(chain[j], a, b);                                  \
            }                                                                    \
        int32_t values[CHAINS * LANES];                                          \
        memcpy(values, chain, sizeof values);                                    \
        *sum = 0;                                                                \
        for (int j = 0; j < CHAINS * LANES; j++) *sum += values[j];              \
        return 2.0 * CHAINS * PRODUCTS * LANES * (double)rounds;                 \
    }

#if defined(__x86_64__)
#define AVX2 CK_TARGET("avx2,fma")
#define AVX512 CK_TARGET("avx512f,avx512bw")
#define AVX512_VNNI CK_TARGET("avx512f,avx512vnni")

AVX2 CK_INLINE __m256i dot_avx2(__m256i sum, __m256i a, __m256i b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}

AVX512 CK_INLINE __m512i dot_avx512(__m512i sum, __m512i a, __m512i b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
}

DEFINE_PEAK_F32(f32_avx512, AVX512, __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps)
DEFINE_PEAK_F32(f32_avx2, AVX2, __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps)
DEFINE_PEAK_I8(i8_vnni, AVX512_VNNI, __m512i, 16, 4, _mm512_set1_epi32, _mm512_dpbusd_epi32)
DEFINE_PEAK_I8(i8_avx512, AVX512, __m512i, 16, 4, _mm512_set1_epi32, dot_avx512)
DEFINE_PEAK_I8(i8_avx2, AVX2, __m256i, 8, 4, _mm256_set1_epi32, dot_avx2)
#elif defined(__aarch64__)
#define NEON CK_TARGET("dotprod")
#define I8MM CK_TARGET("i8mm")

I8MM CK_INLINE int32x4_t dot_i8mm(int32x4_t sum, int32x4_t a, int32x4_t b) {
    return vmmlaq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

NEON CK_INLINE int32x4_t dot_neon(int32x4_t sum, int32x4_t a, int32x4_t b) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

CK_INLINE float32x4_t fma_neon(float32x4_t x, float32x4_t factor, float32x4_t term) {
    return vfmaq_f32(term, x, factor);
}

DEFINE_PEAK_F32(f32_neon, , float32x4_t, 4, vdupq_n_f32, fma_neon)
DEFINE_PEAK_I8(i8_i8mm, I8MM, int32x4_t, 4, 8, vdupq_n_s32, dot_i8mm)
DEFINE_PEAK_I8(i8_neon, NEON, int32x4_t, 4, 4, vdupq_n_s32, dot_neon)
#endif

// Vectors of 16 bytes in the language of the compiler, for every other processor.
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef int8_t i8x16 __attribute__((vector_size(16)));

CK_INLINE f32x4 set_f32x4(float x) { return (f32x4){x, x, x, x}; }
CK_INLINE i32x4 set_i32x4(int32_t x) { return (i32x4){x, x, x, x}; }

CK_INLINE f32x4 fma_plain(f32x4 x, f32x4 factor, f32x4 term) {
    CK_FAST
    return x * factor + term;
}

CK_INLINE i32x4 dot_plain(i32x4 sum, i32x4 a, i32x4 b) {
    i8x16 left = (i8x16)a, right = (i8x16)b;
    for (int i = 0; i < 16; i++) sum[i / 4] += left[i] * right[i];
    return sum;
}

DEFINE_PEAK_F32(f32_plain, , f32x4, 4, set_f32x4, fma_plain)
DEFINE_PEAK_I8(i8_plain, , i32x4, 4, 4, set_i32x4, dot_plain)

// The instruction sets by their names, so that the limits are those of the one in use.
typedef struct {
    const char *isa;
    double (*f32)(size_t rounds, double *sum);
    double (*i8)(size_t rounds, double *sum);
} peaks;

static const peaks all_peaks[] = {
#if defined(__x86_64__)
    {"avx512-vnni", f32_avx512, i8_vnni}, {"avx512", f32_avx512, i8_avx512}, {"avx2", f32_avx2, i8_avx2},
#elif defined(__aarch64__)
    {"neon-i8mm", f32_neon, i8_i8mm}, {"neon", f32_neon, i8_neon},
#endif
    {"plain", f32_plain, i8_plain},
};

static const peaks *chosen_peaks(void) {
    const peaks *found = all_peaks;
    while (strcmp(found->isa, "plain") != 0 && strcmp(found->isa, ck_panel_isa()) != 0) found++;
    return found;
}

double ck_peak_f32(size_t rounds, double *sum) { return chosen_peaks()->f32(rounds, sum); }
double ck_peak_i8(size_t rounds, double *sum) { return chosen_peaks()->i8(rounds, sum); }

CK_KERNEL uint64_t ck_sum_words(const uint64_t *words, size_t n) {
    uint64_t sum[32] = {0}, total = 0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int lane = 0; lane < 32; lane++) sum[lane] += words[i + lane];
    for (; i < n; i++) total += words[i];
    for (int lane = 0; lane < 32; lane++) total += sum[lane];
    return total;
}
