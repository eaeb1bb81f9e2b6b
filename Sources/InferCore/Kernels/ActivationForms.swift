/// The forms in which products of some matrices read rows of activations.
struct ActivationForms: OptionSet, BitwiseCopyable, Sendable {
  let rawValue: UInt8

  /// As they are.
  static let floats = ActivationForms(rawValue: 1)
  /// Rounded to eight bits; see ``RoundedRows``.
  static let rounded = ActivationForms(rawValue: 2)
  /// Split in numbers of bfloat16; see ``SplitRows``.
  static let split = ActivationForms(rawValue: 4)
}

extension PanelKernels {
  /// The form in which the product multiplies activations.
  var form: ActivationForms {
    switch product {
    case .floats: .floats
    case .rounded: .rounded
    case .split: .split
    }
  }
}

extension Sequence<PackedMatrix> {
  /// The forms in which any of the matrices reads activations.
  var activationForms: ActivationForms { reduce(into: []) { $0.formUnion($1.format.panels.form) } }
}
