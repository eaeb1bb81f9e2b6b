// Counts the instructions of products of panels: the program steps through a child that computes one.
//
// Where tiles are emulated, a call of the emulation is one instruction of tiles, and what it does is not counted. Prints, for
// the instruction set that INFER_SERVE_ISA names, `format rows instructions products`: all instructions, and those of them
// that are products of tiles. Built and run by products.sh.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CKernels.h"

enum { ROWS = 64, COLUMNS = 512, MOST = 64 };

/// Where the emulation's functions lie, and which of them multiply: see counted_tiles.h.
extern const char __start_tile_other[] __attribute__((weak)), __stop_tile_other[] __attribute__((weak));
extern const char __start_tile_product[] __attribute__((weak)), __stop_tile_product[] __attribute__((weak));

typedef struct {
    const char *name;
    size_t weights, bytes;
    void (*quantize)(void *, const float *, size_t);
    size_t (*size)(size_t);
    void (*pack)(void *, const void *, size_t, size_t, size_t);
    void (*rounded)(float *, size_t, const ck_activations *, size_t, const void *, size_t, size_t, size_t);
    void (*floats)(float *, size_t, const float *, size_t, const void *, size_t, size_t, size_t);
    void (*split)(float *, size_t, const ck_split_activations *, size_t, const void *, size_t, size_t, size_t, int);
    int parts;
} format;

#define QUANTISED(NAME, WEIGHTS, BYTES)                                                                         \
    {#NAME, WEIGHTS, BYTES, ck_quantize_##NAME, ck_panel_size_##NAME, ck_pack_panel_##NAME, ck_matmul_##NAME,   \
     NULL, NULL, 0}
#define FLOATS(NAME, LABEL, PARTS)                                                                         \
    {LABEL, 1, 2, ck_pack_##NAME, ck_panel_size_##NAME, ck_pack_panel_##NAME, NULL, ck_matmul_##NAME,      \
     ck_matmul_split_##NAME, PARTS}
static const format formats[] = {QUANTISED(q8_0, 32, 34), QUANTISED(q4_0, 32, 18), QUANTISED(q5_0, 32, 22),
                                 QUANTISED(iq4_nl, 32, 18), QUANTISED(mxfp4, 32, 17), QUANTISED(q4_k, 256, 144),
                                 QUANTISED(q5_k, 256, 176), QUANTISED(q6_k, 256, 210),
                                 FLOATS(bf16, "bf16", 2), FLOATS(bf16, "bf16-whole", 3), FLOATS(f16, "f16", 2),
                                 {.name = "f32-small"}};

static float w[ROWS * COLUMNS], x[MOST * COLUMNS], out[MOST * ROWS];
static ck_activations rounded[MOST * COLUMNS / 32];
static ck_split_activations split[MOST * COLUMNS / 32];

static void multiply(const format *f, const void *panels, size_t m) {
    if (!f->size) ck_gemm(out, ROWS, x, COLUMNS, 1, w, ROWS, m, ROWS, COLUMNS, 0);
    else if (f->rounded) f->rounded(out, ROWS, rounded, m * CK_CHUNK, panels, ROWS, COLUMNS, m);
    else if (ck_splits_activations()) f->split(out, ROWS, split, m, panels, ROWS, COLUMNS, m, f->parts);
    else f->floats(out, ROWS, x, COLUMNS, panels, ROWS, COLUMNS, m);
}

static int is_in(unsigned long long at, const char *start, const char *stop) {
    return at >= (unsigned long long)start && at < (unsigned long long)stop;
}

/// Lets the child, which has just been called, go on until it returns.
static int finish_call(pid_t child, struct user_regs_struct *at) {
    const unsigned long long back = (unsigned long long)ptrace(PTRACE_PEEKDATA, child, at->rsp, 0);
    const long word = ptrace(PTRACE_PEEKTEXT, child, back, 0);
    int status;
    if (ptrace(PTRACE_POKETEXT, child, back, (word & ~255L) | 0xcc) || ptrace(PTRACE_CONT, child, 0, 0)) return -1;
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) return -1;
    if (ptrace(PTRACE_POKETEXT, child, back, word) || ptrace(PTRACE_GETREGS, child, 0, at)) return -1;
    at->rip = back;
    return (int)ptrace(PTRACE_SETREGS, child, 0, at);
}

/// Steps from where the child stops itself to its end.
static void count(const format *f, size_t m, pid_t child) {
    int status;
    size_t all = 0, products = 0;
    for (waitpid(child, &status, 0); ptrace(PTRACE_SINGLESTEP, child, 0, 0) == 0;) {
        struct user_regs_struct at;
        if (waitpid(child, &status, 0) < 0 || WIFEXITED(status) || ptrace(PTRACE_GETREGS, child, 0, &at)) break;
        const int multiplies = is_in(at.rip, __start_tile_product, __stop_tile_product);
        // The call that came here stands for the instruction.
        if (multiplies || is_in(at.rip, __start_tile_other, __stop_tile_other)) {
            products += (size_t)multiplies;
            if (finish_call(child, &at)) exit(1);
        }
        all++;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) exit(1);
    printf("%s %zu %zu %zu\n", f->name, m, all, products);
    fflush(stdout);
}

static uint8_t *packed(const format *f) {
    const size_t row_bytes = COLUMNS / f->weights * f->bytes, size = f->size(COLUMNS);
    uint8_t *blocks = malloc(ROWS * row_bytes), *panels = aligned_alloc(64, ROWS / CK_PANEL_ROWS * size);
    if (!blocks || !panels) abort();
    for (size_t r = 0; r < ROWS; r++) f->quantize(blocks + r * row_bytes, w + r * COLUMNS, COLUMNS);
    for (size_t p = 0; p < ROWS / CK_PANEL_ROWS; p++)
        f->pack(panels + p * size, blocks + p * CK_PANEL_ROWS * row_bytes, row_bytes, CK_PANEL_ROWS, COLUMNS);
    free(blocks);
    return panels;
}

static void test(const format *f, size_t m) {
    for (size_t i = 0; i < ROWS * COLUMNS; i++) w[i] = (float)(i * 7919 % 2003) / 1001 - 1;
    for (size_t i = 0; i < MOST * COLUMNS; i++) x[i] = (float)(i * 6271 % 1999) / 999 - 1;
    uint8_t *panels = f->size ? packed(f) : NULL;
    for (size_t t = 0; t < m && f->rounded; t++)
        ck_quantize_activations(rounded + t * CK_CHUNK, m * CK_CHUNK, x + t * COLUMNS, COLUMNS);
    for (size_t t = 0; t < m && f->split && ck_splits_activations(); t++)
        ck_split_activation_row(split + t, m, x + t * COLUMNS, COLUMNS);
    const pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        multiply(f, panels, m);
        _exit(0);
    }
    count(f, m, child);
    free(panels);
}

int main(void) {
    const size_t rows[] = {1, 12, 16, 64};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++)
        for (size_t m = 0; m < sizeof rows / sizeof *rows; m++) test(&formats[f], rows[m]);
    return 0;
}
