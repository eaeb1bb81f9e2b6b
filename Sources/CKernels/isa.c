// The instruction set that kernels run with: chosen once, when the program starts.
#include "isa.h"

#include <stdlib.h>

// The best first, and last the one that every machine has.
#if defined(__x86_64__)
#define CK_ROWS(X) X(amx) X(avx512_vnni) X(avx512) X(avx_vnni) X(avx2) X(plain)
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
static const char *refused, *forbidden;

static int is_permitted(const ck_isa *row) { return !row->is_permitted || row->is_permitted(); }

/// The best that this machine has of those that go by a name, or of all.
static const ck_isa *best(const char *name) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if ((name && strcmp(name, rows[i]->name) != 0) || !rows[i]->is_available()) continue;
        if (is_permitted(rows[i])) return rows[i];
        forbidden = rows[i]->name;
    }
    return NULL;
}

/// Runs before anything else, so that no call has to ask whether the choice was made.
__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__) && !defined(CK_EMULATION)
    __builtin_cpu_init();
#endif
    refused = getenv("INFER_SERVE_ISA");
    if (refused && !*refused) refused = NULL;
    const ck_isa *row = refused ? best(refused) : NULL;
    if (row) refused = NULL;
    else row = best(NULL);
    ck_chosen = *row;
    if (!row->base) return;
#define CK_INHERIT(NAME) \
    if (!ck_chosen.NAME) ck_chosen.NAME = row->base->NAME;
    CK_KERNELS(CK_INHERIT)
    if (!ck_splits_activations()) {
        CK_FLOAT_KERNELS(CK_INHERIT)
    }
}

const char *ck_isa_name(void) { return ck_chosen.name; }

const char *ck_refused_isa(void) { return refused; }

const char *ck_forbidden_isa(void) { return forbidden; }

const char *ck_available_isa(size_t index) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i]->is_available() && is_permitted(rows[i]) && index-- == 0) return rows[i]->name;
    return NULL;
}

const char *ck_known_isa(size_t index) { return index < sizeof rows / sizeof *rows ? rows[index]->name : NULL; }

size_t ck_tile_rows(void) { return ck_chosen.tile_rows; }

int ck_splits_activations(void) { return ck_chosen.split_activation_row != NULL; }

double ck_peak_bf16(size_t rounds, double *sum) {
    *sum = 0;
    return ck_chosen.peak_bf16 ? ck_chosen.peak_bf16(rounds, sum) : 0;
}
