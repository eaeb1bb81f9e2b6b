internal import Foundation

/// Small text files of the system, as `/proc` and `/sys` have them.
struct SystemFiles {
  /// The folder that stands for `/`; the empty path for that itself.
  let root: String
  /// The largest number of a processor or a node that is believed.
  private static let largestNumber = 65_535

  /// A file's contents without white space around them; `nil` where there is none, or no text.
  func text(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: root + path) else { return nil }
    return String(validating: data, as: UTF8.self)?.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A file that is one number; `nil` where it is anything else.
  func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

  /// A file that is a set of numbers.
  func numbers(_ path: String) -> [Int]? { text(path).flatMap(Self.numbers) }

  /// The rest of the line that begins with a name.
  static func line(_ name: String, in text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      return line.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
    }
    return nil
  }

  /// The members of a set such as `0-3,8`, ascending; `nil` for what is none, or has members that nobody believes.
  static func numbers(_ text: String) -> [Int]? {
    var members: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) where !text.isEmpty {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first >= 0, first <= last,
        last <= largestNumber
      else { return nil }
      members.formUnion(first...last)
    }
    return members.sorted()
  }
}
