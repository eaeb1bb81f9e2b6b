internal import Foundation

/// A constraint that cannot be read or held.
public struct ConstraintError: DescribedError, Equatable {
  /// A part of what a constraint is made of.
  public enum Part: Equatable, Sendable {
    /// The language of content.
    case content
    /// All calls together.
    case calls
    /// ``CallRules/demand-swift.property``.
    case demand
    /// The name of a tool, by its place in ``CallRules/tools``.
    case name(tool: Int, name: String)
    /// The schema of a tool's parameters.
    case parameters(tool: Int, name: String)
    /// The language of a tool's text.
    case text(tool: Int, name: String)
  }

  /// The part that is at fault.
  public let part: Part
  /// The fault, and its place in the part.
  public let reason: String

  init(_ part: Part = .content, reason: String) {
    (self.part, self.reason) = (part, reason)
  }

  /// The fault of a constraint that cannot be followed within its bounds.
  package static let tooLarge = ConstraintError(reason: "it is too large, or too much of it is optional")

  /// The fault, and its place.
  public var description: String { part.place.map { "\($0): \(reason)" } ?? reason }
}

extension ConstraintError.Part {
  /// The words for the part; `nil` where nothing else could be meant.
  fileprivate var place: String? {
    switch self {
    case .content: nil
    case .calls: "tools"
    case .demand: "demand"
    case .name(let index, let name): "tools[\(index)], '\(name)'"
    case .parameters(let index, let name): "tools[\(index)], '\(name)', parameters"
    case .text(let index, let name): "tools[\(index)], '\(name)', format"
    }
  }
}
