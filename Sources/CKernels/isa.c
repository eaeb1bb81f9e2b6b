// The instruction set that kernels run with: chosen once, when the program starts.
#include "isa.h"

#include <stdlib.h>

// The best first, and last the one that every machine has.
#if defined(__x86_64__)
#define CK_ROWS(X) X(avx512_vnni) X(avx512) X(avx2) X(plain)
#elif defined(__aarch64__)
#define CK_ROWS(X) X(neon_i8mm) X(neon) X(plain)
#else
#define CK_ROWS(X) X(plain)
#endif

#define CK_DECLARE_ROW(NAME) extern const ck_isa ck_isa_##NAME;
#define CK_ROW(NAME) &ck_isa_##NAME,
CK_ROWS(CK_DECLARE_ROW)
static const ck_isa *const rows[] = {CK_ROWS(CK_ROW)};

ck_isa ck_chosen;
static const char *refused;

/// Runs before anything else, so that no call has to ask whether the choice was made.
__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__) && !defined(CK_EMULATION)
    __builtin_cpu_init();
#endif
    const ck_isa *best = NULL, *named = NULL;
    refused = getenv("INFER_SERVE_ISA");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i]->is_available()) continue;
        if (!best) best = rows[i];
        if (refused && strcmp(refused, rows[i]->name) == 0) named = rows[i];
    }
    if (named) refused = NULL;
    ck_chosen = named ? *named : *best;
}

const char *ck_isa_name(void) { return ck_chosen.name; }

const char *ck_refused_isa(void) { return refused; }

size_t ck_tile_rows(void) { return ck_chosen.tile_rows; }

void ck_prepare_thread(void) {
    if (ck_chosen.prepare_thread) ck_chosen.prepare_thread();
}
