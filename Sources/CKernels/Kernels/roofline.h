// Measurements of the most that the machine can do. Every kernel computes something that can be checked, so that neither
// the compiler nor a mistake in counting can make the machine look faster than it is.

/// Independent sums: at least latency × units of today's multiply-add units (4 or 5 cycles, two of them), and few
/// enough for 16 registers.
#define CK_CHAINS 12
/// Numbers in a register.
#define CK_REGISTER_LANES (sizeof(CK_REGISTER) / 4)

typedef float float_register __attribute__((vector_size(sizeof(CK_REGISTER))));

/// A chain is x ← x / 2 + 1, which tends to 2 from any start; each starts somewhere else, or the compiler merges them.
CK_KERNEL double CK_ISA(peak_f32)(size_t rounds, double *sum) {
    CK_FAST
    const float_register zero = {0}, half = zero + 0.5f, one = zero + 1;
    float_register chain[CK_CHAINS];
    for (int j = 0; j < CK_CHAINS; j++) chain[j] = zero + (float)j;
    for (size_t i = 0; i < rounds; i++)
        for (int j = 0; j < CK_CHAINS; j++) chain[j] = chain[j] * half + one;
    float values[CK_CHAINS * CK_REGISTER_LANES];
    memcpy(values, chain, sizeof values);
    *sum = 0;
    for (size_t j = 0; j < CK_CHAINS * CK_REGISTER_LANES; j++) *sum += values[j];
    return 2.0 * CK_CHAINS * CK_REGISTER_LANES * (double)rounds;
}

#if defined(CK_EMULATION)
#define CK_HIDDEN(vector) "+m"(vector)
#elif defined(__aarch64__)
#define CK_HIDDEN(vector) "+w"(vector)
#else
#define CK_HIDDEN(vector) "+x"(vector)
#endif

/// A chain adds some products 3 · 5 to each of its lanes. Its input is hidden from the compiler at every use, or work
/// that does not change would move out of the loop.
CK_KERNEL double CK_ISA(peak_i8)(size_t rounds, double *sum) {
    CK_REGISTER chain[CK_CHAINS], a, b;
    memset(chain, 0, sizeof chain);
    memset(&a, 3, sizeof a);
    memset(&b, 5, sizeof b);
    for (size_t i = 0; i < rounds; i++)
        for (int j = 0; j < CK_CHAINS; j++) {
            __asm__("" : CK_HIDDEN(a));
            chain[j] = dot_bytes(chain[j], a, b);
        }
    int32_t values[CK_CHAINS * CK_REGISTER_LANES];
    memcpy(values, chain, sizeof values);
    *sum = 0;
    for (size_t j = 0; j < CK_CHAINS * CK_REGISTER_LANES; j++) *sum += values[j];
    return 2.0 * CK_CHAINS * CK_REGISTER_LANES * CK_LANE_PRODUCTS * (double)rounds;
}

CK_KERNEL uint64_t CK_ISA(sum_words)(const uint64_t *words, size_t n) {
    uint64_t sum[32] = {0}, total = 0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int lane = 0; lane < 32; lane++) sum[lane] += words[i + lane];
    for (; i < n; i++) total += words[i];
    for (int lane = 0; lane < 32; lane++) total += sum[lane];
    return total;
}
