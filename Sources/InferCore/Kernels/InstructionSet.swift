internal import CKernels

/// Which instruction set the products of weights run with.
public enum InstructionSet {
  /// The environment variable that names a lower one than the machine's best.
  public static let variable = "INFER_SERVE_ISA"

  /// The one that was chosen when the program started, such as `avx512-vnni`.
  public static var name: String { unsafe String(cString: ck_panel_isa()) }

  /// What ``variable`` asks for when this machine lacks it; `nil` when it has been obeyed or asks for nothing.
  public static var refusedName: String? { unsafe ck_refused_isa().map { unsafe String(cString: $0) } }
}
