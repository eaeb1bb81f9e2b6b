// The instruction set of products: chosen once, when the program starts.
#include <stdlib.h>

#include "panel.h"

/// Instruction sets this machine has, the widest first.
static size_t available(ck_isa *out) {
    size_t count = 0;
#if defined(CK_EMULATION)
    out[count++] = (ck_isa){"avx512-vnni", &ck_panel_avx512_vnni, &ck_float_avx512, 0};
    out[count++] = (ck_isa){"avx512", &ck_panel_avx512, &ck_float_avx512, 0};
    out[count++] = (ck_isa){"avx2", &ck_panel_avx2, &ck_float_avx2, 0};
#elif defined(__x86_64__)
    __builtin_cpu_init();
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (wide && __builtin_cpu_supports("avx512vnni"))
        out[count++] = (ck_isa){"avx512-vnni", &ck_panel_avx512_vnni, &ck_float_avx512, 0};
    if (wide) out[count++] = (ck_isa){"avx512", &ck_panel_avx512, &ck_float_avx512, 0};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
        out[count++] = (ck_isa){"avx2", &ck_panel_avx2, &ck_float_avx2, 0};
#elif defined(__aarch64__)
    if (ck_has_dotprod() && ck_has_i8mm())
        out[count++] = (ck_isa){"neon-i8mm", &ck_panel_i8mm, &ck_float_dotprod, .eight_columns = 1};
    if (ck_has_dotprod()) out[count++] = (ck_isa){"neon", &ck_panel_dotprod, &ck_float_dotprod, 0};
#endif
    out[count++] = (ck_isa){"plain", &ck_panel_plain, &ck_float_plain, 0};
    return count;
}

ck_isa ck_chosen;
static const char *refused;

/// Runs before anything else, so that no call has to ask whether the choice was made.
__attribute__((constructor)) static void choose(void) {
    ck_isa isas[4];
    size_t count = available(isas), pick = 0;
    refused = getenv("INFER_SERVE_ISA");
    for (size_t i = 0; refused && i < count; i++)
        if (strcmp(refused, isas[i].name) == 0) {
            pick = i;
            refused = NULL;
        }
    ck_chosen = isas[pick];
}

const char *ck_panel_isa(void) { return ck_chosen.name; }

const char *ck_refused_isa(void) { return refused; }
