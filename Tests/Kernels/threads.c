#include "check.h"

#include <pthread.h>

enum { ROWS = 16, COLUMNS = 256, M = 19 };

typedef struct {
    void *panel;
    ck_activations *x;
    float out[M * ROWS];
} product;

static void *multiply(void *argument) {
    product *work = argument;
    ck_matmul_q8_0(work->out, ROWS, work->x, CK_CHUNK * M, work->panel, ROWS, COLUMNS, M);
    return NULL;
}

/// A thread computes what every other computes, with nothing done before its first product.
void test_threads(void) {
    float *w = random_floats(ROWS * COLUMNS), *x = random_floats(M * COLUMNS);
    uint8_t *rows = malloc(ROWS * COLUMNS / 32 * 34);
    product here = {aligned_alloc(64, ck_panel_size_q8_0(COLUMNS)), malloc(M * COLUMNS / 32 * sizeof *here.x), {0}};
    ck_quantize_q8_0(rows, w, ROWS * COLUMNS);
    ck_pack_panel_q8_0(here.panel, rows, COLUMNS / 32 * 34, ROWS, COLUMNS);
    for (size_t t = 0; t < M; t++)
        ck_quantize_activations(here.x + t * CK_CHUNK, CK_CHUNK * M, x + t * COLUMNS, COLUMNS);
    product there = here;
    multiply(&here);
    pthread_t thread;
    check_context("threads", 0, 0, 0);
    check_that(pthread_create(&thread, NULL, multiply, &there) == 0, "a thread starts");
    pthread_join(thread, NULL);
    check_that(memcmp(here.out, there.out, sizeof here.out) == 0, "equal on every thread");
    free(here.panel);
    free(here.x);
    free(rows);
    check_release();
}
