internal import CBLAS

/// BLAS counts in 32 bits.
func blas(_ value: Int) -> Int32 { Int32(value) }

/// Has BLAS compute on the calling thread alone: the team splits the work. Called once, before the first product.
func useOneBLASThread() { openblas_set_num_threads(1) }
