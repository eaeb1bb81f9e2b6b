internal import CKernels

/// The instruction set that kernels run with.
public enum InstructionSet {
  /// The environment variable that names a lower one than the machine's best.
  public static let variable = "INFER_SERVE_ISA"

  /// The one that was chosen when the program started, such as `avx512-vnni`.
  public static var name: String { unsafe String(cString: ck_panel_isa()) }

  /// The value of ``variable`` if this machine lacks the set that it names.
  public static var refusedName: String? { unsafe ck_refused_isa().map { unsafe String(cString: $0) } }
}
