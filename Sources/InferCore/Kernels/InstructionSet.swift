internal import CKernels

/// The instruction set that all kernels run with, chosen when the program starts.
package enum InstructionSet {
  /// The environment variable that names a lower one than the machine's best.
  package static let variable = "INFER_SERVE_ISA"

  /// The chosen one's name, such as `avx512-vnni`.
  package static var name: String { unsafe String(cString: ck_isa_name()) }

  /// The value of ``variable`` when this machine has no such instruction set; `nil` when it was obeyed or is not set.
  package static var refusedName: String? { unsafe ck_refused_isa().map { unsafe String(cString: $0) } }

  /// The number of rows of activations that a product of quantised weights takes at once.
  static var tileRows: Int { ck_tile_rows() }
}
