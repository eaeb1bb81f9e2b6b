/// The drafts of JSON Schema, the oldest first.
enum SchemaDraft: Int, Comparable {
  case draft3
  case draft4
  case draft6
  case draft7
  case draft2019
  case draft2020

  /// The draft that a schema's `$schema` names; `nil` for none of them.
  init?(_ uri: String) {
    guard let draft = Self.marks.first(where: { uri.containsExactly($0.mark) })?.draft else { return nil }
    self = draft
  }

  private static let marks: [(mark: String, draft: SchemaDraft)] = [
    ("draft-03", .draft3), ("draft-04", .draft4), ("draft-06", .draft6), ("draft-07", .draft7),
    ("draft/2019-09", .draft2019), ("draft/2020-12", .draft2020),
  ]

  /// The draft's name in messages.
  var name: String {
    switch self {
    case .draft3: "draft 3"
    case .draft4: "draft 4"
    case .draft6: "draft 6"
    case .draft7: "draft 7"
    case .draft2019: "draft 2019-09"
    case .draft2020: "draft 2020-12"
    }
  }

  static func < (a: SchemaDraft, b: SchemaDraft) -> Bool { a.rawValue < b.rawValue }
}

extension SchemaDraft? {
  /// `true` for drafts before the sixth, in which 1.0 is no integer.
  var isBefore6: Bool { map { $0 < .draft6 } ?? false }
  /// `true` for drafts before 2019-09, in which nothing counts beside a reference.
  var isBefore2019: Bool { map { $0 < .draft2019 } ?? false }
}
