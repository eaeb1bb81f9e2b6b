// The instruction set of products: chosen once, when the program starts.
#include <stdlib.h>

#include "panel.h"

/// A set that the program has kernels for, and whether this machine has it.
typedef struct {
    ck_isa isa;
    int (*is_available)(void);
} candidate;

static int always(void) { return 1; }

#if defined(__x86_64__) && !defined(CK_EMULATION)
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int has_avx512_vnni(void) { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#elif defined(CK_EMULATION)
#define has_avx2 always
#define has_avx512 always
#define has_avx512_vnni always
#elif defined(__aarch64__)
static int has_dotprod_and_i8mm(void) { return ck_has_dotprod() && ck_has_i8mm(); }
#endif

/// The widest first; the last is everywhere.
static const candidate candidates[] = {
#if defined(CK_EMULATION) || defined(__x86_64__)
    {{"avx512-vnni", &ck_panel_avx512_vnni, &ck_float_avx512, 0}, has_avx512_vnni},
    {{"avx512", &ck_panel_avx512, &ck_float_avx512, 0}, has_avx512},
    {{"avx2", &ck_panel_avx2, &ck_float_avx2, 0}, has_avx2},
#elif defined(__aarch64__)
    {{"neon-i8mm", &ck_panel_i8mm, &ck_float_dotprod, .eight_columns = 1}, has_dotprod_and_i8mm},
    {{"neon", &ck_panel_dotprod, &ck_float_dotprod, 0}, ck_has_dotprod},
#endif
    {{"plain", &ck_panel_plain, &ck_float_plain, 0}, always},
};

ck_isa ck_chosen;
static const char *refused;

/// Runs before anything else, so that no call has to ask whether the choice was made.
__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__) && !defined(CK_EMULATION)
    __builtin_cpu_init();
#endif
    const ck_isa *best = NULL, *named = NULL;
    refused = getenv("INFER_SERVE_ISA");
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        const candidate *each = &candidates[i];
        if (!each->is_available()) continue;
        if (!best) best = &each->isa;
        if (refused && strcmp(refused, each->isa.name) == 0) named = &each->isa;
    }
    if (named) refused = NULL;
    ck_chosen = named ? *named : *best;
}

const char *ck_panel_isa(void) { return ck_chosen.name; }

const char *ck_refused_isa(void) { return refused; }
