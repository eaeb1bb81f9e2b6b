internal import CKernels

/// The instruction set that all kernels run with, chosen when the program starts.
package enum InstructionSet {
  /// The environment variable that names a lower one than the machine's best.
  package static let variable = "INFER_SERVE_ISA"

  /// The chosen one's name, such as `avx512-vnni`.
  package static var name: String { unsafe String(cString: ck_isa_name()) }

  /// Why the chosen set is not the one that ``variable`` names, or not the processor's best; `nil` where it is.
  package static var warning: String? {
    let refused = unsafe ck_refused_isa().map { unsafe String(cString: $0) }
    let forbidden = unsafe ck_forbidden_isa().map { unsafe String(cString: $0) }
    if refused == nil && forbidden == nil { return nil }
    return warning(refused: refused, forbidden: forbidden, available: available, chosen: name)
  }

  /// The names of the sets that this machine has, the best first.
  package static var available: [String] {
    names { index in unsafe ck_available_isa(index).map { unsafe String(cString: $0) } }
  }

  /// The names of the sets that there are kernels for, on any machine of this one's architecture.
  package static var known: [String] {
    names { index in unsafe ck_known_isa(index).map { unsafe String(cString: $0) } }
  }

  private static func names(_ name: @escaping (_ index: Int) -> String?) -> [String] {
    Array(
      sequence(state: 0) { index in
        defer { index += 1 }
        return name(index)
      })
  }

  /// - Parameters:
  ///   - refused: The value of ``variable``, where there is no such set.
  ///   - forbidden: The set that the processor has and the system does not let this process use, where it would have been
  ///     chosen.
  static func warning(refused: String?, forbidden: String?, available: [String], chosen: String) -> String {
    let reason =
      if let forbidden, refused == nil || refused == forbidden {
        "the processor has the instruction set \(forbidden), but the system does not let this process use it"
      } else {
        "this machine has no such instruction set, but \(available.joined(separator: ", "))"
      }
    return "\(refused.map { "\(variable)=\($0): " } ?? "")\(reason); \(chosen) is used"
  }

  /// Whether it has products of bfloat16.
  static var multipliesBFloats: Bool {
    var sum = 0.0
    return unsafe ck_peak_bf16(1, &sum) > 0
  }

  /// The number of rows of activations that a product of quantised weights takes at once.
  static var tileRows: Int { ck_tile_rows() }
}
