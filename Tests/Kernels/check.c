#include "check.h"

size_t check_count;

static const char *kernel_name = "";
static size_t context[3];

void check_context(const char *kernel, size_t a, size_t b, size_t c) {
    kernel_name = kernel;
    context[0] = a, context[1] = b, context[2] = c;
}

static void fail(const char *what, double got, double want) {
    fprintf(stderr, "\n%s(%zu, %zu, %zu): %s: got %.9g, expected %.9g\n", kernel_name, context[0], context[1],
            context[2], what, got, want);
    exit(1);
}

void check_close(double got, double want, double tolerance) {
    check_count++;
    int same = got == want || (isnan(got) && isnan(want));
    if (!same && !(fabs(got - want) <= tolerance)) fail("too far off", got, want);
}

void check_that(int condition, const char *what) {
    check_count++;
    if (!condition) fail(what, 0, 1);
}

float random_float(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)((int64_t)(state >> 40) - (1 << 23)) / (float)(1 << 23);
}

static void *taken[64];
static size_t taken_count;

static float *take(size_t n) {
    if (taken_count == COUNT(taken)) abort();
    void *memory = malloc(n * sizeof(float) + (n == 0));
    if (!memory) abort();
    taken[taken_count++] = memory;
    return memory;
}

float *random_floats(size_t n) {
    float *values = take(n);
    for (size_t i = 0; i < n; i++) values[i] = random_float();
    return values;
}

const float check_canary_value = -1.23456789e30f;

float *canaries(size_t n) {
    float *values = take(n);
    for (size_t i = 0; i < n; i++) values[i] = check_canary_value;
    return values;
}

void check_canary(float x) {
    check_count++;
    if (x != check_canary_value) fail("memory beside the output was written", x, check_canary_value);
}

void check_release(void) {
    while (taken_count > 0) free(taken[--taken_count]);
}

/// Without arguments, all tests; with `choice`, the choice of the instruction set alone, and with `refused` that where the
/// system refuses to keep tiles.
int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "refused") == 0)
        return run_without_leave((char *[]){arguments[0], (char[]){"choice"}, NULL});
    printf("kernels for %s, ", ck_isa_name());
    if (count > 1) {
        printf("%s forbidden, best %s\n", ck_forbidden_isa() ? ck_forbidden_isa() : "none", ck_available_isa(0));
        return 0;
    }
    test_attention();
    test_rows();
    test_exponentials();
    test_convolution();
    test_scan();
    test_selective_scan();
    test_delta();
    test_wkv();
    test_formats();
    test_blocks();
    test_panels();
    test_packing_of_panels();
    test_quantising();
    test_logits();
    test_limits();
    test_tiles();
    test_threads();
    test_leave_for_tiles();
    printf("%zu comparisons\n", check_count);
    return 0;
}
