// OpenBLAS's C interface to BLAS, and LAPACKE, its C interface to LAPACK.
#include <cblas.h>
#include <lapacke.h>
